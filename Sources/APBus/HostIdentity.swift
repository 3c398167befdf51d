/// What rules may ask of the machine itself, so that one rule file serves a fleet.
public struct HostIdentity: Equatable, Sendable {
  /// The static host name; nil where it is not known.
  public var name: String?
  /// The LPAR's name as `/proc/sysinfo` has it; nil where it is not known or there is none.
  public var lpar: String?

  /// A machine of these names.
  public init(name: String? = nil, lpar: String? = nil) {
    self.name = name
    self.lpar = lpar
  }
}
