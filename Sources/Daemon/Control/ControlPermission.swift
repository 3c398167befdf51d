import Glibc
import HostSystem

/// Who may do what over the control socket. Whoever may open it may read; the file's mode says who that
/// is.
enum ControlPermission {
  /// Whether the client may change something: root, and whoever runs the daemon.
  static func mayChange(_ peer: LocalSocket.Peer) -> Bool {
    peer.user == 0 || peer.user == geteuid()
  }
}
