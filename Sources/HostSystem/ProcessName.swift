import APBus
import Glibc

/// How a process is named to a person.
enum ProcessName {
  /// `chzdev (process 4711)`; a process can give itself any name, so it is made printable.
  static func text(_ process: Int32) -> String {
    guard let bytes = try? HostFile.read("/proc/\(process)/comm", .init(sizeLimit: 64)) else {
      return "process \(process)"
    }
    let name = String(decoding: bytes.last == 10 ? bytes.dropLast() : bytes[...], as: UTF8.self)
    return "\(name.printable) (process \(process))"
  }
}
