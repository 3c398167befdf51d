package import HostSystem
package import JSONText
import APBus

/// Talks to a daemon over its control socket.
package final class ControlClient {
  private let socket: LocalSocket
  private let path: String
  private var input = MessageBuffer(limit: 64 * 1024 * 1024)

  package init(path: String) throws(ControlError) {
    self.path = path
    do throws(FileError) {
      socket = try LocalSocket.connect(to: path)
    } catch {
      throw .unreachable(error)
    }
  }

  /// How often a caller that waits hears of it.
  private static let tick = Duration.seconds(1)

  /// Calls a method and waits for its result, at most that long; nil waits for ever. `onWait` is called about once
  /// a second meanwhile.
  package func call(
    _ call: Call, timeout: Duration? = nil, onWait: () -> Void = {}
  ) throws(ControlError) -> Reply {
    let time = HostTime()
    let end = timeout.map { time.now + $0 }
    var rest = call.message[...]
    while !rest.isEmpty {
      guard case .count(let count) = socket.send(rest) else { throw .closed(path) }
      rest = rest.dropFirst(count)
    }
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      if let message = try nextMessage() { return try result(message) }
      let rest = end.map { max(.zero, $0 - time.now) }
      guard socket.waitForBytes(min(rest ?? Self.tick, Self.tick)) else {
        if let rest, rest <= Self.tick { throw .timeout(path) }
        onWait()
        continue
      }
      guard case .count(let count) = socket.receive(&buffer) else { throw .closed(path) }
      input.append(buffer[..<count])
    }
  }

  private func nextMessage() throws(ControlError) -> [UInt8]? {
    do throws(MessageBuffer.TooLong) {
      return try input.next()
    } catch {
      throw .nonsense(path)
    }
  }

  private func result(_ message: [UInt8]) throws(ControlError) -> Reply {
    let reply: Reply
    do throws(Call.Malformed) {
      reply = try Reply(message: message)
    } catch {
      throw .nonsense(path)
    }
    guard let error = reply.error else { return reply }
    throw .refused(error, reply.parameters)
  }
}

/// Why a daemon did not do what it was asked.
package enum ControlError: Error, Equatable, Sendable {
  /// There is no daemon, or this user may not talk to it.
  case unreachable(FileError)
  /// It has closed the connection.
  case closed(String)
  /// Its answer is invalid.
  case nonsense(String)
  /// It has not answered in time.
  case timeout(String)
  /// It has not come to an end in this time; where it is, one line.
  case unfinished(Duration, String)
  /// It is of another version than this program, and was not restarted after an update.
  case otherVersion(String)
  /// It has answered with an error.
  case refused(String, [JSONValue.Member])

  /// Whether no daemon is running.
  package var isAbsence: Bool {
    guard case .unreachable(let failure) = self else { return false }
    return failure.isAbsence || failure.isRefusal
  }
}

extension ControlError: CustomStringConvertible {
  /// One sentence, and what to do.
  package var description: String {
    switch self {
    case .unreachable(let error):
      switch error.problem {
      case .failed(_, .permissionDenied):
        "\(error); only root and members of the group that owns the socket may ask the daemon"
      case .failed(_, .noSuchFile), .failed(_, .connectionRefused):
        "the daemon is not running: nothing listens on \(error.path)"
          + (error.path == DaemonPlace.systemControl
            ? "; start it with systemctl start apreserve.service" : "")
      default: "no daemon can be reached: \(error)"
      }
    case .closed(let path): "the daemon at \(path) has closed the connection"
    case .nonsense(let path): "the answer from \(path) is none of apreserve's daemon"
    case .timeout(let path): "the daemon at \(path) does not answer"
    case .unfinished(let limit, let state):
      "not finished after \(limit.components.seconds) s: \(state); the daemon goes on"
    case .otherVersion(let version):
      "the daemon is version \(version.printable), and this program is \(ProgramVersion.text); restart it with "
        + "systemctl restart apreserve.service"
    case .refused("org.varlink.service.MethodNotFound", _):
      "the daemon is of another version than this program, \(ProgramVersion.text); restart it with systemctl "
        + "restart apreserve.service"
    case .refused("org.apreserve.NoInventory", _):
      "there is no AP bus, or the daemon has not scanned it yet"
    case .refused("org.apreserve.Blocked", let parameters):
      "the daemon is blocked: \(JSONValue.object(parameters)["reason"]?.text ?? "see its journal")"
    case .refused("org.varlink.service.PermissionDenied", _):
      "only root may ask the daemon for this"
    case .refused("org.apreserve.RulesRefused", let parameters):
      "the rules have errors; those that were in force stay in force\n"
        + (JSONValue.object(parameters)["errors"]?.elements ?? []).compactMap(\.text)
        .joined(separator: "\n")
    case .refused("org.apreserve.ChangeoverRefused", let parameters):
      JSONValue.object(parameters)["message"]?.text ?? "the changeover is refused"
    case .refused("org.apreserve.ChangeoverFailed", let parameters):
      JSONValue.object(parameters)["reason"]?.text ?? "the changeover has failed"
    case .refused("org.apreserve.NoTrial", let parameters):
      JSONValue.object(parameters)["reason"]?.text ?? "there is no change of the rules to confirm"
    case .refused(let name, _): "the daemon answers \(name)"
    }
  }
}
