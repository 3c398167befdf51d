/// The interfaces that the daemon answers, as their descriptions name them.
package enum InterfaceDescription {
  /// The daemon's own, `org.apreserve.varlink` as it is checked in.
  package static let agent = String(
    decoding: PackageResources.org_apreserve_varlink, as: UTF8.self)
  /// The one that every Varlink service has.
  package static let service = String(
    decoding: PackageResources.org_varlink_service_varlink, as: UTF8.self)

  /// The descriptions by the names of their interfaces, the service's own first.
  package static let all: [(name: String, text: String)] = [
    ("org.varlink.service", service), ("org.apreserve", agent),
  ]
}
