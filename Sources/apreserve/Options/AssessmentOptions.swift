import ArgumentParser
import Reports
import Reservation
import Snapshots

/// A machine held against rules: what most commands look at.
struct AssessmentOptions: ParsableArguments {
  @OptionGroup(title: OptionTitle.machine) var machine: MachineOptions
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.moving) var mechanism: MechanismOptions
  @OptionGroup(title: OptionTitle.moving) var guards: GuardOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func assessment() throws -> Assessment {
    // Where there is no bus, that is all there is to say.
    let snapshot = try machine.snapshot(masterKeys: guards.protectHost == .yes)
    let rules = try rules.rules(isTrusting: true, root: machine.ruleRoot)
    return try Assessment(
      inventory: snapshot.inventory, rules: rules, host: snapshot.host,
      mechanism: mechanism.mechanism, ownership: snapshot.ownership,
      circumstances: Circumstances(configuration: snapshot.configuration, policy: guards.policy))
  }
}
