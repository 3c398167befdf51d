/// The text form of a plan: one fault a line, `#` begins a comment.
///
///     seed 7
///     write /sys/bus/ap/apmask                              1-2     fail EBUSY
///     write 05.* > /sys/bus/ap/drivers/*/unbind             3       ignore
///     read /sys/devices/ap/*/05.0004/config                 always  vanish during
///     readlink /sys/devices/ap/*/05.0004/driver             1       answer vfio_ap
///     call *                                                17      fail EIO
///     event bind@/devices/ap/*                              1/8     lose
extension FaultPlan {
  /// Reads a plan. The error tells of the first line that is wrong.
  public init(text: some StringProtocol) throws(FaultPlanError) {
    self.init()
    // A carriage return and its newline are one character.
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for (index, line) in lines.enumerated() {
      let words = FaultLine.words(of: line)
      guard let first = words.first else { continue }
      do throws(FaultLine.Problem) {
        if first == "seed" {
          seed = try FaultLine.seed(words)
        } else {
          faults.append(try FaultLine.fault(words))
        }
      } catch {
        throw FaultPlanError(line: index + 1, problem: error.text)
      }
    }
  }
}
