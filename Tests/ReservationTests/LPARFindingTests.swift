import APBus
import Reservation
import ReservationRules
import Testing

/// A machine with cards 1 and 2 of type 13 in CCA mode and domains 4 and 5, and what is found when it is compared with
/// what an HMC says.
private struct Row: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var kind = LPARConfiguration.Kind.partition
  var rules = ""
  var lpar: @Sendable (inout LPARConfiguration) -> Void = { _ in }
  var machine: @Sendable (inout Machine) throws -> Void = { _ in }
  var findings: [String]
}

private let notInEffect =
  "the file is older than a change, or the change is not in effect: check the partition's details on the HMC"
private let profileNotInEffect =
  "a profile takes effect when the LPAR is activated: until then use \"Change LPAR Cryptographic Controls\" on the "
  + "HMC"
private let unexpected = "the file is older than a change, or is about another LPAR"

private let rows = [
  Row(testDescription: "nothing where both are the same", findings: []),
  Row(
    testDescription: "adapters that are not there",
    rules: "DOMAIN==\"5\", RESERVE=\"vfio_ap\"",
    lpar: { lpar in
      lpar.adapters.append(
        .init(number: 31, name: "CRYP31", channel: "1f4", status: "not-active"))
      lpar.adapters.append(.init(number: 32, name: "CRYP32", status: "active"))
    },
    findings: [
      "lpar-adapter-absent: partition \"kvm1\" of CPC1 has adapters 31 (0x1f, CRYP31, PCHID 1f4, \"not-active\"), "
        + "32 (0x20, CRYP32), of which 1f.0005, 20.0005 are requested, and this machine does not; \(notInEffect)"
    ]),
  Row(
    testDescription: "an adapter that is not there before a profile takes effect",
    kind: .imageProfile, lpar: { $0.adapters.append(.init(number: 3)) },
    findings: [
      "lpar-adapter-absent: image profile \"kvm1\" of CPC1 has adapter 3 (0x03), and this machine does not; "
        + profileNotInEffect
    ]),
  Row(
    testDescription: "an adapter for which the machine is configured, and that does not show up",
    lpar: { $0.adapters.append(.init(number: 3)) },
    machine: { $0.inventory.bus.configuredAdapters = [1, 2, 3] },
    findings: [
      "lpar-adapter-absent: partition \"kvm1\" of CPC1 has adapter 3 (0x03), and this machine is configured for "
        + "that but does not see it; check the adapter on the HMC, and whether it is configured on for this LPAR"
    ]),
  Row(
    testDescription: "an adapter that the LPAR does not have",
    lpar: { lpar in
      lpar.adapters.removeFirst()
      lpar.otherAdapters = [.init(number: 1, name: "CRYP01")]
    },
    findings: [
      "lpar-adapter-unexpected: this machine has adapter 1 (0x01, CRYP01), and partition \"kvm1\" of CPC1 does "
        + "not; \(unexpected)"
    ]),
  Row(
    testDescription: "an adapter without a card that the profile does not have",
    kind: .imageProfile, machine: { $0.inventory.bus.configuredAdapters = [1, 2, 9] },
    findings: [
      "lpar-adapter-unexpected: this machine has adapter 9 (0x09), and image profile \"kvm1\" of CPC1 does not; "
        + "that is gone after the next activation: add it to the profile, unless the file is older than a change "
        + "of it"
    ]),
  Row(
    testDescription: "an adapter of another type and in another mode",
    lpar: { $0.adapters[1] = .init(number: 2, hardwareType: .init(rawValue: 14), mode: .ep11) },
    findings: [
      "lpar-adapter-differs: adapter 2 (0x02) is hardware type 14 (CEX8) on the HMC and 13 (CEX7) here, and is "
        + "in mode ep11 on the HMC and cca here; the adapter was changed after the file was written, or the "
        + "file is about another system"
    ]),
  Row(
    testDescription: "no difference of type where only the kernel does not know the newer one",
    lpar: { $0.adapters[1] = .init(number: 2, hardwareType: .init(rawValue: 14), mode: .cca) },
    machine: { try $0.change(card: 2) { $0.attributes["raw_hwtype"] = "14" } }, findings: []),
  Row(
    testDescription: "usage domains on one side",
    rules: "ADAPTER==\"1\", DOMAIN==\"0x47\", RESERVE=\"vfio_ap\"",
    lpar: { $0.usageDomains = [4, 71] },
    findings: [
      "lpar-usage-domain-absent: partition \"kvm1\" of CPC1 has usage domain 71 (0x0047), of which 01.0047 is "
        + "requested, and this machine does not; \(notInEffect)",
      "lpar-usage-domain-unexpected: this machine has usage domain 5 (0x0005), and partition \"kvm1\" of CPC1 "
        + "does not; \(unexpected)",
    ]),
  Row(
    testDescription: "usage domains by the mask of the bus, not by the queues that are there",
    lpar: { $0.usageDomains = [4, 5, 6] },
    machine: { $0.inventory.bus.configuredDomains = [4, 5, 6] }, findings: []),
  Row(
    testDescription: "control domains on one side",
    lpar: { $0.controlDomains = [10, 11] },
    machine: { machine in
      machine.inventory.bus.configuredDomains = [4, 5]
      machine.inventory.bus.controlDomains = [4, 5, 11, 12]
    },
    findings: [
      "lpar-control-domain-absent: partition \"kvm1\" of CPC1 has control domain 10 (0x000a), and this machine "
        + "does not; \(notInEffect)",
      "lpar-control-domain-unexpected: this machine has control domain 12 (0x000c), and partition \"kvm1\" of "
        + "CPC1 does not; \(unexpected)",
    ]),
  Row(
    testDescription: "requests that the partition cannot fulfil",
    rules: """
      APQN=="07.0004|07.0005", RESERVE="vfio_ap"
      APQN=="01.0010", RESERVE="vfio_ap"
      APQN=="09.000a", RESERVE="vfio_ap"
      """,
    lpar: { lpar in
      lpar.controlDomains = [10]
      lpar.otherAdapters = [
        .init(number: 7, name: "CRYP07", channel: "120"), .init(number: 9, name: "CRYP09"),
      ]
    },
    findings: [
      "lpar-request-not-assigned: 01.0010 is requested, and partition \"kvm1\" of CPC1 does not have usage "
        + "domain 16 (0x0010); add usage domain 16 to the cryptos in the partition's details on the HMC "
        + "[50.rules:2]",
      "lpar-request-not-assigned: 07.0004, 07.0005 are requested, and partition \"kvm1\" of CPC1 does not have "
        + "adapter 7 (0x07, CRYP07, PCHID 120); add adapter 7 to the cryptos in the partition's details on the "
        + "HMC [50.rules:1]",
      "lpar-request-not-assigned: 09.000a is requested, and partition \"kvm1\" of CPC1 does not have adapter 9 "
        + "(0x09, CRYP09) and usage domain 10 (0x000a); change domain 10 from control to control and usage in "
        + "the partition's details on the HMC, and add adapter 9 [50.rules:3]",
    ]),
  Row(
    testDescription: "a request for an adapter that the system does not have",
    rules: "APQN==\"07.0004\", RESERVE=\"vfio_ap\"", lpar: { $0.otherAdapters = [] },
    findings: [
      "lpar-request-not-assigned: 07.0004 is requested, and partition \"kvm1\" of CPC1 does not have adapter 7 "
        + "(0x07); the system has no crypto adapter of that number; correct the request [50.rules:1]"
    ]),
  Row(
    testDescription: "a request that the profile cannot fulfil", kind: .imageProfile,
    rules: "APQN==\"07.0047\", RESERVE=\"vfio_ap\"",
    findings: [
      "lpar-request-not-assigned: 07.0047 is requested, and image profile \"kvm1\" of CPC1 does not have adapter "
        + "7 (0x07) and usage domain 71 (0x0047); add adapter 7 to the cryptographic candidate and online lists "
        + "and domain 71 to the usage domain indexes of the image profile, and now with \"Change LPAR "
        + "Cryptographic Controls\" [50.rules:1]"
    ]),
  Row(
    testDescription: "everything where the LPAR has no crypto",
    lpar: { lpar in
      lpar.adapters = []
      lpar.usageDomains = []
    },
    findings: [
      "lpar-adapter-unexpected: this machine has adapters 1 (0x01), 2 (0x02), and partition \"kvm1\" of CPC1 does "
        + "not; \(unexpected)",
      "lpar-usage-domain-unexpected: this machine has usage domains 4, 5 (0x0004, 0x0005), and partition "
        + "\"kvm1\" of CPC1 does not; \(unexpected)",
    ]),
]

@Suite struct `A machine compared with its LPAR on the HMC` {
  private static func comparison(_ row: Row) throws -> LPARComparison {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    try row.machine(&machine)
    var lpar = LPARConfiguration(
      file: "dpm.json", kind: row.kind, cpc: "CPC1", name: "kvm1",
      adapters: [
        .init(number: 1, hardwareType: .init(rawValue: 13), mode: .cca), .init(number: 2),
      ],
      usageDomains: [4, 5])
    row.lpar(&lpar)
    let (rules, diagnostics) = RuleSet.parse(files: [
      RuleFile(path: "50.rules", text: row.rules + "\n")
    ])
    try #require(diagnostics.isEmpty, "\(diagnostics)")
    var assessment = try Assessment(inventory: machine.inventory, rules: rules)
    assessment.compare(with: lpar)
    return try #require(assessment.lpar)
  }

  @Test(arguments: rows)
  private func `shows`(row: Row) throws {
    let findings = try Self.comparison(row).findings.map { finding in
      "\(finding.kind.rawValue): \(finding.message)"
        + (finding.rule.map { " [\($0.fileAndLine)]" } ?? "")
    }
    #expect(findings == row.findings)
  }

  @Test func `shows of some queues only what concerns them`() throws {
    let row = try #require(rows.first { $0.testDescription.hasPrefix("requests that") })
    let comparison = try Self.comparison(row)
    for (queue, count) in [
      ("07.0004", 1), ("07.0009", 1), ("01.0010", 1), ("01.0004", 0),
    ] {
      let apqn = try #require(APQN(queue))
      #expect(comparison.selecting(APQNSet([apqn])).findings.count == count, "\(queue)")
    }
  }
}

@Suite struct `The LPAR of a machine` {
  private static let lpars = [
    LPARConfiguration(
      file: "a.json", kind: .partition, cpc: "CPC1", name: "one", shortName: "KVM1"),
    LPARConfiguration(
      file: "a.json", kind: .partition, cpc: "CPC1", name: "two", shortName: "KVM2"),
    LPARConfiguration(file: "b.json", kind: .imageProfile, cpc: "CPC2", name: "KVM2"),
  ]

  /// The name that a person has chosen, that of the machine's LPAR, and the LPAR that it is.
  @Test(
    arguments: [
      (nil, "KVM1", "CPC1/one"), ("one", nil, "CPC1/one"), ("CPC1/two", "KVM1", "CPC1/two"),
      ("CPC2/KVM2", "KVM2", "CPC2/KVM2"), ("KVM1", nil, "CPC1/one"),
    ] as [(String?, String?, String)])
  func `is found by its names`(name: String?, lpar: String?, selector: String) throws {
    let host = HostIdentity(lpar: lpar)
    #expect(
      try LPARConfiguration.select(from: Self.lpars, named: name, for: host).selector == selector)
  }

  @Test func `is the only one of a file if the machine has no name`() throws {
    let one = [Self.lpars[0]]
    #expect(try LPARConfiguration.select(from: one, for: HostIdentity()) == one[0])
  }

  @Test(
    arguments: [
      (
        nil, "KVM2",
        "a.json, b.json: several LPARs are called \"KVM2\"; there are \"CPC1/two\" (KVM2), \"CPC2/KVM2\": select "
          + "one, as in --lpar \"a.json:CPC1/two\""
      ),
      (
        nil, nil,
        "a.json, b.json: the name of this machine's LPAR is not known; there are \"CPC1/one\" (KVM1), \"CPC1/two\" "
          + "(KVM2), \"CPC2/KVM2\": select one, as in --lpar \"a.json:CPC1/one\""
      ),
      (
        nil, "kvm1",
        "a.json, b.json: no LPAR is called \"kvm1\"; there are \"CPC1/one\" (KVM1), \"CPC1/two\" (KVM2), "
          + "\"CPC2/KVM2\": select one, as in --lpar \"a.json:CPC1/one\""
      ),
      (
        "x", "KVM1",
        "a.json, b.json: no LPAR is called \"x\"; there are \"CPC1/one\" (KVM1), \"CPC1/two\" (KVM2), \"CPC2/KVM2\": "
          + "select one, as in --lpar \"a.json:CPC1/one\""
      ),
    ] as [(String?, String?, String)])
  func `is not guessed`(name: String?, lpar: String?, message: String) throws {
    let error = try #require(throws: LPARSelectionError.self) {
      try LPARConfiguration.select(from: Self.lpars, named: name, for: HostIdentity(lpar: lpar))
    }
    #expect(error.description == message)
  }

  @Test(
    arguments: [
      ("KVM9", "no LPAR is called \"KVM9\""),
      (nil, "the name of this machine's LPAR is not known"),
    ] as [(String?, String)])
  func `is that of its name where there are several machines`(
    lpar: String?, problem: String
  ) throws {
    let error = try #require(throws: LPARSelectionError.self) {
      try LPARConfiguration.select(
        from: [Self.lpars[0]], for: HostIdentity(lpar: lpar), amongSeveral: true)
    }
    #expect(error.description == "a.json: \(problem); there is \"CPC1/one\" (KVM1)")
  }

  @Test func `is not another one, though that is the only one of the file`() throws {
    let error = try #require(throws: LPARSelectionError.self) {
      try LPARConfiguration.select(from: [Self.lpars[0]], for: HostIdentity(lpar: "KVM9"))
    }
    #expect(
      error.description
        == "a.json: no LPAR is called \"KVM9\"; there is \"CPC1/one\" (KVM1): select it, as in --lpar "
        + "\"a.json:CPC1/one\"")
  }
}
