package import APBus

/// Random machines for benchmarks and properties.
package enum GeneratedMachine {
  /// The host of generated machines.
  package static let host = HostIdentity(name: "lnxprod7", lpar: nil)

  /// A machine whose cards are present with a chance of `presence` percent and whose attributes are
  /// readable with a chance of `readable` percent.
  package static func cards(
    presence: Int, readable: Int, using random: inout SplitMix
  ) -> [Card] {
    var cards: [Card] = []
    for adapter in UInt8.min...UInt8.max where random.chance(presence) {
      var card = Card(
        adapter: adapter,
        hardwareType: HardwareType(rawValue: UInt8.random(in: 9...15, using: &random)),
        functions: random.chance(95)
          ? QueueMode.allCases.randomElement(using: &random)?.functions ?? 0 : 0,
        driver: "cex4card")
      for (name, value) in [
        ("serialnr", "93AABE" + String(Int.random(in: 0..<400, using: &random), radix: 36)),
        ("raw_hwtype", "\(card.hardwareType.rawValue)"),
        (
          "FW_version",
          "\(Int.random(in: 1...8, using: &random)).\(Int.random(in: 0...9, using: &random))"
        ),
        ("API_ordinalnr", "\(Int.random(in: 1...6, using: &random))"),
        ("max_msg_size", random.chance(50) ? "12288" : "65536"),
      ] where random.chance(readable) {
        card.attributes[name] = value
      }
      cards.append(card)
    }
    return cards
  }
}
