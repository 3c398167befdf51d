import AdjunctProcessor
import JSONText
import Reservation

extension Ownership {
  var json: JSONValue {
    var members = Members()
    members.set("mechanism", text: mechanism?.rawValue)
    if !adapters.isEmpty { members.set("adapters", mask: adapters) }
    if !domains.isEmpty { members.set("domains", mask: domains) }
    members.set("queues", .array(queues.sorted().map { .string($0.description) }))
    members.set("offline", .array(offline.sorted().map { .string($0.description) }))
    return members.object
  }

  init(_ value: JSONValue) throws(ValueFault) {
    let fields = try Fields(
      value, at: "ownership", keys: ["mechanism", "adapters", "domains", "queues", "offline"])
    let word = try fields.text("mechanism")
    let mechanism = word.flatMap(Mechanism.init(rawValue:))
    guard word == nil || mechanism != nil else {
      throw fields.fault("mechanism", not: "a mechanism: \"bind\", \"mask\" or \"override\"")
    }
    self.init(
      queues: try fields.apqns("queues"), adapters: try fields.mask("adapters") ?? [],
      domains: try fields.mask("domains") ?? [], offline: try fields.apqns("offline"),
      mechanism: mechanism)
  }
}
