import APBus
import Glibc

/// A directory in memory that goes with its owner.
final class Scratch {
  let path: String

  init() throws {
    var template = Array("/dev/shm/apreserve-benchmark-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("mkdtemp: errno \(errno)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    Self.remove(path)
  }

  private static func remove(_ path: String) {
    guard unlink(path) != 0, errno == EISDIR || errno == EPERM else { return }
    if let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != ".." { remove(path + "/" + name) }
      }
      closedir(directory)
    }
    rmdir(path)
  }

  func directory(_ name: String) {
    var made = path
    for part in name.split(separator: "/") {
      made += "/" + part
      guard mkdir(made, 0o755) == 0 || errno == EEXIST else {
        fatalError("\(made): errno \(errno)")
      }
    }
  }

  func file(_ name: String, _ text: String) throws {
    directory(name.split(separator: "/").dropLast().joined(separator: "/"))
    plainFile(name, text)
  }

  /// A file in a directory that is there.
  func plainFile(_ name: String, _ text: String) {
    let file = open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { fatalError("\(name): errno \(errno)") }
    let bytes = Array(text.utf8)
    _ = write(file, bytes, bytes.count)
    close(file)
  }

  func link(_ name: String, to target: String) {
    guard symlink(target, path + "/" + name) == 0 else { fatalError("\(name): errno \(errno)") }
  }

  /// A tree in sysfs's form below `sys`, all queues with the host.
  func bus(adapters: Int, domains: Int) throws {
    let all = "0x" + String(repeating: "f", count: 64) + "\n"
    try file("sys/bus/ap/scans", "1\n")
    try file("sys/bus/ap/apmask", all)
    try file("sys/bus/ap/aqmask", all)
    for driver in ["cex4card", "cex4queue", "vfio_ap"] { directory("sys/bus/ap/drivers/\(driver)") }
    directory("sys/bus/ap/devices")
    for adapter in 0..<adapters {
      let card = "card" + Hex.text(adapter, digits: 2)
      try file("sys/devices/ap/\(card)/hwtype", "14\n")
      plainFile("sys/devices/ap/\(card)/ap_functions", "0x92000000\n")
      link("sys/devices/ap/\(card)/driver", to: "../../../bus/ap/drivers/cex4card")
      link("sys/bus/ap/devices/\(card)", to: "../../../devices/ap/\(card)")
      for domain in 0..<domains {
        let queue = Hex.text(adapter, digits: 2) + "." + Hex.text(domain, digits: 4)
        let place = "sys/devices/ap/\(card)/\(queue)"
        guard mkdir("\(path)/\(place)", 0o755) == 0 else { fatalError("errno \(errno)") }
        plainFile(place + "/config", "1\n")
        plainFile(place + "/online", "1\n")
        plainFile(place + "/chkstop", "0\n")
        link(place + "/driver", to: "../../../../bus/ap/drivers/cex4queue")
        link("sys/bus/ap/devices/\(queue)", to: "../../../devices/ap/\(card)/\(queue)")
      }
    }
  }
}
