import APBus
import Testing

@Suite struct `An APQN` {
  @Test func `round-trips every one of the 65,536 names`() {
    for adapter in UInt8.min...UInt8.max {
      for domain in UInt8.min...UInt8.max {
        let apqn = APQN(adapter: adapter, domain: domain)
        guard APQN(apqn.description) == apqn else {
          Issue.record("\(apqn)")
          return
        }
      }
    }
  }

  @Test(arguments: [
    "", "5.4", "05.004", "05.00004", "05.0100", "05.ffff", "05-0004", "0A.0004", "05.00AB",
    " 05.0004", "05.0004\n", "card05", "٠٥.0004",
  ])
  func `refuses a name that sysfs would not print`(name: String) {
    #expect(APQN(name) == nil)
  }

  @Test func `is ordered as the kernel scans: adapters, then domains`() {
    let names = ["06.0000", "05.00ff", "05.0004", "ff.0000"]
    #expect(
      names.compactMap { APQN($0) }.sorted().map(\.description)
        == ["05.0004", "05.00ff", "06.0000", "ff.0000"])
  }
}
