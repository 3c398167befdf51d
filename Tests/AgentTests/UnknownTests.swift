import APBus
import Agent
import Reservation
import SimulatedBus
import Testing

private let bySerial = #"CARD{serialnr}=="93AA0001", RESERVE="vfio_ap""#

/// Rules by an attribute that only a bound card shows (SimulatedBus documentation, "Card attributes").
@Suite struct `A guest's queue is never released` {
  @Test(arguments: Mechanism.allCases)
  func `because its card is deconfigured`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: bySerial)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    try stage.happens { $0.setConfigured(card: 1, to: false) }
    try stage.happens { $0.scan() }
    #expect(stage.writes == [])
    try stage.happens { $0.setConfigured(card: 1, to: true) }
    try stage.happens { $0.scan() }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test(arguments: Mechanism.allCases)
  func `because its card has lost its driver, and is undecidable meanwhile`(mechanism: Mechanism)
    throws
  {
    let stage = try Stage(mechanism, rules: bySerial)
    try stage.happens { try $0.write("card01", to: .driver(DriverName.cex4card, "unbind")) }
    stage.agent.scan(.everything)
    try stage.settle()
    #expect(stage.writes == [])
    #expect(stage.agent.status.plan?.undecidable.map(\.adapter) == [1, 1, 1, 1])
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test(arguments: Mechanism.allCases)
  func `because rules change while they cannot be decided`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: bySerial)
    try stage.happens { try $0.write("card01", to: .driver(DriverName.cex4card, "unbind")) }
    for rules in [
      #"CARD{serialnr}=="93AA0002", RESERVE="vfio_ap""#,
      #"CARD{serialnr}!="93AA0001", RESERVE="host""#,
      bySerial + "\n" + #"CARD{serialnr}=="93AA0009", RESERVE="unmanaged""#,
    ] {
      try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rules)) }
      #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP], "\(rules)")
    }
  }

  @Test(arguments: Mechanism.allCases)
  func `because zcrypt_cex4 is unloaded and loaded`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: bySerial)
    try stage.happens { try $0.unloadModule(.zcryptCex4) }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    try stage.happens { $0.loadModule(.zcryptCex4) }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }
}
