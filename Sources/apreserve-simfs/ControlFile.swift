import APBus
import SimulatedBus

/// The file by which a person makes something happen to the machine. Each line that is written to it is
/// a line of a scenario.
final class ControlFile {
  /// The line that was not done, by the number that write(2) has for it.
  struct Refused: Error {
    let errno: Errno
  }

  private let run: ScenarioRun
  private let say: (String) -> Void
  /// Why the last line that was refused was refused.
  private var refusal: String?

  init(_ run: ScenarioRun, say: @escaping (String) -> Void) {
    self.run = run
    self.say = say
  }

  /// How to write it, and why the last line that was refused was refused.
  var text: String {
    guard let refusal else { return Self.help }
    return Self.help + "\nLast refused:\n  \(refusal)\n"
  }

  /// Does the lines, up to the first that cannot be done. A number can say little, so a sentence is said
  /// and kept for whoever reads the file.
  func write(_ text: String) throws(Refused) {
    let scenario: Scenario
    do throws(ScenarioError) {
      scenario = try Scenario(text: text, name: "control")
    } catch {
      throw refuse("\(error)", .invalidArgument)
    }
    guard scenario.behavior == nil else {
      throw refuse("control: the kernel is chosen before the bus is mounted", .invalidArgument)
    }
    for line in scenario.lines {
      guard let failure = run.perform(line) else { continue }
      throw refuse(
        "control:\(failure.line): \(failure.problem)", failure.errno ?? .invalidArgument)
    }
  }

  private func refuse(_ sentence: String, _ errno: Errno) -> Refused {
    let sentence = sentence.printable
    refusal = sentence
    say(sentence)
    return Refused(errno: errno)
  }

  private static let help = """
    Write what is to happen to the machine, for example:
      card add 07 14 cca
      card del 07
      card config 07 0
      card chkstop 07 1
      domain add 0b
      domain del 0b
      unload vfio_ap
      load vfio_ap
      guest start UUID
      guest stop UUID
    The steps are those of apreserve-scenario(5).

    """
}
