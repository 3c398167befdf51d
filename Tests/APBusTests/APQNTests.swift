import APBus
import TestSupport
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

@Suite struct `A set of APQNs` {
  @Test func `does what a set of Swift does`() {
    var generator = SeededGenerator(seed: 1)
    var sets = (APQNSet(), APQNSet())
    var models = (Set<APQN>(), Set<APQN>())
    for _ in 0..<3000 {
      // Few adapters, so that members are met again, and the last one, so that every row is.
      let adapters: [UInt8] = [0, 1, 2, 63, 64, 255]
      let adapter = adapters.randomElement(using: &generator) ?? 0
      let apqn = APQN(adapter: adapter, domain: .random(in: 0...3, using: &generator) &* 85)
      switch Int.random(in: 0...4, using: &generator) {
      case 0, 1:
        sets.0.insert(apqn)
        models.0.insert(apqn)
      case 2:
        sets.0.remove(apqn)
        models.0.remove(apqn)
      case 3:
        swap(&sets.0, &sets.1)
        swap(&models.0, &models.1)
      default:
        sets.0.formUnion(sets.1)
        models.0.formUnion(models.1)
      }
      #expect(Array(sets.0) == models.0.sorted())
      #expect(sets.0.count == models.0.count && sets.0.isEmpty == models.0.isEmpty)
      #expect(sets.0.contains(apqn) == models.0.contains(apqn))
      #expect(sets.0.adapters == APMask(models.0.map(\.adapter)))
      #expect((sets.0 == sets.1) == (models.0 == models.1))
      #expect(sets.0 == APQNSet(models.0))
    }
  }

  @Test func `equals a set that has had more members`() {
    let queue = APQN(adapter: 1, domain: 4)
    var set = APQNSet([queue, APQN(adapter: 200, domain: 0)])
    set.remove(APQN(adapter: 200, domain: 0))
    #expect(set == APQNSet([queue]) && APQNSet([queue]) == set)
    set[1] = APMask()
    #expect(set == APQNSet() && set.isEmpty)
  }
}
