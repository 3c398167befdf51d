import APBus
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
    members.set(
      "seen",
      .array(
        seen.adapters.map { adapter in
          var members = Members()
          members.set("card", text: BusObject.cardName(adapter))
          members.set("domains", mask: seen[adapter])
          members.set("reservable", .bool(!olderAdapters.contains(adapter)))
          return members.object
        }))
    return members.object
  }

  init(_ value: JSONValue) throws(ValueFault) {
    let fields = try Fields(
      value, at: "ownership",
      keys: ["mechanism", "adapters", "domains", "queues", "offline", "seen"])
    let word = try fields.text("mechanism")
    let mechanism = word.flatMap(Mechanism.init(rawValue:))
    guard word == nil || mechanism != nil else {
      throw fields.fault("mechanism", not: "a mechanism: \"bind\", \"mask\" or \"override\"")
    }
    self.init(
      queues: try fields.apqns("queues"), adapters: try fields.mask("adapters") ?? [],
      domains: try fields.mask("domains") ?? [], offline: try fields.apqns("offline"),
      mechanism: mechanism)
    for fields in try fields.objects("seen", keys: ["card", "domains", "reservable"]) {
      guard let adapter = BusObject.adapter(ofCardName: try fields.requiredText("card")) else {
        throw fields.fault("card", not: "a card's name, \"card00\" to \"cardff\"")
      }
      let domains = try fields.mask("domains") ?? []
      apply(
        .seen(
          adapter: adapter, domains: domains,
          isReservable: try fields.flag("reservable") ?? true))
    }
  }
}
