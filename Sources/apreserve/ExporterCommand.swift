import APBus
import ArgumentParser
import Daemon
import HostSystem

/// `apreserve exporter`
struct ExporterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exporter",
    abstract: "Answer one HTTP request of Prometheus on standard input.",
    usage: "apreserve exporter [<options>]",
    discussion: """
      apreserve-exporter.socket starts it for each connection, as a user that can do nothing but ask the daemon. It \
      answers GET and HEAD of /metrics with what "apreserve status --metrics" prints, preceded by apreserve_up: 1 if \
      the daemon has answered, 0 if not.

      The exit status is 0.
      """)

  @OptionGroup(title: OptionTitle.daemon) var control: ControlOptions

  /// How long all of it may take.
  private static let limit = Duration.seconds(10)
  /// How long the daemon may take.
  private static let patience = Duration.seconds(5)

  func run() throws {
    let connection = StandardConnection(limit: Self.limit)
    let head: Result<[UInt8], RequestError>
    do throws(StandardConnection.Failure) {
      head = .success(
        try connection.receive(
          limit: ScrapeRequest.headLimit, until: ScrapeRequest.isWhole))
    } catch {
      switch error {
      case .closed: return
      case .timeout: head = .failure(.timeout)
      case .tooLong: head = .failure(.tooLong)
      }
    }
    let exporter = Exporter {
      do throws(ControlError) {
        return .success(try control.metrics(timeout: Self.patience))
      } catch {
        return .failure(error)
      }
    }
    let answer = exporter.answer(head).bytes(at: HostTime().wallTime.sinceEpoch.components.seconds)
    // A client that does not take the answer has no use for an error.
    guard (try? connection.send(answer)) != nil else { return }
    connection.finish()
  }
}
