/// An error number of the Linux kernel. The numbers are the same on x86 and s390x
/// (include/uapi/asm-generic/errno-base.h and errno.h).
public struct Errno: RawRepresentable, Error, Hashable, Sendable {
  /// The number.
  public let rawValue: Int32

  /// The error of that number.
  ///
  /// - Parameter rawValue: The number of errno(3).
  public init(rawValue: Int32) {
    self.rawValue = rawValue
  }

  private static let table: [(number: Int32, name: String, meaning: String)] = [
    (1, "EPERM", "operation not permitted"),
    (2, "ENOENT", "no such file or directory"),
    (4, "EINTR", "interrupted"),
    (5, "EIO", "input/output error"),
    (11, "EAGAIN", "not ready yet"),
    (12, "ENOMEM", "out of memory"),
    (13, "EACCES", "permission denied"),
    (16, "EBUSY", "device or resource busy"),
    (17, "EEXIST", "already exists"),
    (19, "ENODEV", "no such device"),
    (20, "ENOTDIR", "not a directory"),
    (21, "EISDIR", "is a directory"),
    (22, "EINVAL", "invalid argument"),
    (23, "ENFILE", "too many open files on this machine"),
    (24, "EMFILE", "too many open files in this process"),
    (28, "ENOSPC", "no space left on device"),
    (30, "EROFS", "read-only file system"),
    (32, "EPIPE", "broken pipe"),
    (34, "ERANGE", "numerical result out of range"),
    (40, "ELOOP", "too many symbolic links"),
    (87, "EUSERS", "too many users"),
    (95, "EOPNOTSUPP", "operation not supported"),
    (98, "EADDRINUSE", "address already in use"),
    (99, "EADDRNOTAVAIL", "address not available"),
    (104, "ECONNRESET", "connection reset by peer"),
    (110, "ETIMEDOUT", "connection timed out"),
    (111, "ECONNREFUSED", "connection refused"),
  ]

  /// The C name, such as `EBUSY`; `errno N` for a number that has none here.
  public var name: String {
    Self.table.first { $0.number == rawValue }?.name ?? "errno \(rawValue)"
  }

  /// The error of a C name, such as `EBUSY`.
  ///
  /// - Parameter name: Such as `EBUSY`; nil for a name that is not in the table.
  public init?(name: some StringProtocol) {
    guard let row = Self.table.first(where: { $0.name == name }) else { return nil }
    self.init(rawValue: row.number)
  }

  /// EPERM.
  public static let notPermitted = Errno(rawValue: 1)
  /// ENOENT: the file, or the device it belonged to, does not exist.
  public static let noSuchFile = Errno(rawValue: 2)
  /// EINTR.
  public static let interrupted = Errno(rawValue: 4)
  /// EIO.
  public static let inputOutput = Errno(rawValue: 5)
  /// EAGAIN.
  public static let tryAgain = Errno(rawValue: 11)
  /// EACCES.
  public static let permissionDenied = Errno(rawValue: 13)
  /// EBUSY.
  public static let busy = Errno(rawValue: 16)
  /// EEXIST.
  public static let exists = Errno(rawValue: 17)
  /// ENODEV.
  public static let noSuchDevice = Errno(rawValue: 19)
  /// ENOTDIR.
  public static let notDirectory = Errno(rawValue: 20)
  /// EISDIR.
  public static let isDirectory = Errno(rawValue: 21)
  /// EINVAL.
  public static let invalidArgument = Errno(rawValue: 22)
  /// EROFS.
  public static let readOnlyFileSystem = Errno(rawValue: 30)
  /// ENOSPC.
  public static let noSpace = Errno(rawValue: 28)
  /// ERANGE.
  public static let outOfRange = Errno(rawValue: 34)
  /// EUSERS.
  public static let tooManyUsers = Errno(rawValue: 87)
  /// EOPNOTSUPP.
  public static let notSupported = Errno(rawValue: 95)
  /// EADDRINUSE.
  public static let addressInUse = Errno(rawValue: 98)
  /// EADDRNOTAVAIL.
  public static let addressNotAvailable = Errno(rawValue: 99)
  /// ETIMEDOUT.
  public static let timedOut = Errno(rawValue: 110)
  /// ECONNREFUSED.
  public static let connectionRefused = Errno(rawValue: 111)
}

extension Errno: CustomStringConvertible {
  /// Name and meaning, `EBUSY (device or resource busy)`.
  public var description: String {
    guard let row = Self.table.first(where: { $0.number == rawValue }) else { return name }
    return "\(row.name) (\(row.meaning))"
  }
}
