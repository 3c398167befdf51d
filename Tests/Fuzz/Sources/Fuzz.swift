import FuzzTargets
import Glibc

/// The target that `APRESERVE_FUZZ` names.
private let target: FuzzTarget = {
  let name = getenv("APRESERVE_FUZZ").map { String(cString: $0) } ?? ""
  guard let target = FuzzTarget.named(name) else {
    fatalError(
      "set APRESERVE_FUZZ to one of \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
  }
  return target
}()

/// What libFuzzer calls with each input it makes up.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  do {
    try target.check(bytes)
  } catch {
    fatalError("\(target.name): \(error)")
  }
  return 0
}
