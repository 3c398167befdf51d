import ArgumentParser
import HostSystem
import Reports
import Reservation
import Snapshots

/// A machine held against rules: what most commands look at.
struct AssessmentOptions: ParsableArguments {
  @OptionGroup(title: OptionTitle.machine) var machine: MachineOptions
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.moving) var settings: SettingsOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func assessment() throws -> Assessment {
    let protectsHost = self.settings.source(for: machine.files)(nil).policy.protectHost == .yes
    // Where there is no bus, that is all there is to say.
    let snapshot = try machine.snapshot(masterKeys: protectsHost)
    let settings = try self.settings.settings(for: machine.files)
    let rules = try rules.rules(for: machine.ruleFiles)
    return try Assessment(
      inventory: snapshot.inventory, rules: rules, host: snapshot.host,
      mechanism: settings.mechanism, mechanismOrigin: settings.origins[.mechanism],
      ownership: snapshot.ownership,
      context: PlanningContext(
        configuration: snapshot.configuration, policy: settings.policy),
      settings: settings.applied)
  }
}
