import TestSupport
import Testing

@Suite struct `The option --lpar` {
  /// The LPAR of the sample machine, without domain 5 and with the adapter 3 that the machine does not have.
  private static let lpar = """
    {"crypto_configuration": {"PROD1": {"adapters": {
      "CRYP01": {"name": "CRYP01", "crypto-number": 1}, "CRYP02": {"name": "CRYP02", "crypto-number": 2},
      "CRYP03": {"name": "CRYP03", "crypto-number": 3}}, "usage_domains": [4], "control_domains": []}}}
    """

  private func bench() throws -> Workbench {
    let bench = try Sample.bench()
    try bench.file("hmc.json", Self.lpar)
    try bench.file("odd:name.json", Self.lpar)
    try bench.file("none/10.rules", "")
    return bench
  }

  @Test(arguments: ["hmc.json:PROD1", "hmc.json", "odd:name.json", "odd:name.json:PROD1"])
  func `shows in a plan how the machine differs, and keeps its exit status`(file: String) throws {
    let bench = try bench()
    let usual = try bench.run("plan --inventory machine.json --rules guests")
    let result = try bench.run("plan --inventory machine.json --rules guests --lpar \(file)")
    #expect(result.status == usual.status)
    let path = file.hasSuffix(":PROD1") ? String(file.dropLast(6)) : file
    #expect(
      result.output.contains(
        "\nLPAR\n  partition \"PROD1\" (\(path)): adapters 1-3; usage domains 4; control domains none\n"
          + "  partition \"PROD1\" has adapter 3 (0x03, CRYP03), and this machine does not; "),
      "\(result.output)")
    #expect(result.output.hasSuffix(", 2 differences from the HMC\n"), "\(result.output)")
  }

  @Test func `makes verify warn, which is an error only with --strict`() throws {
    let bench = try bench()
    let words = "verify guests --inventory machine.json --lpar hmc.json"
    let result = try bench.run(words)
    #expect(result.status == 0)
    #expect(result.output.hasPrefix("hmc.json:1:1: warning: partition \"PROD1\" has adapter 3 "))
    #expect(result.output.hasSuffix("\n1 file, 1 rule, 2 warnings\n"), "\(result.output)")
    #expect(try bench.run(words + " --strict").status == 1)
  }

  @Test(arguments: ["plan --rules guests", "verify guests"])
  func `finds among several machines only those that are called so`(command: String) throws {
    let bench = try bench()
    try bench.file("hosts/one.json", Sample.machine)
    try bench.file("hosts/two.json", Sample.machine.replacing("PROD1", with: "PROD2"))
    for file in ["hmc.json", "hmc.json:PROD1"] {
      let result = try bench.run("\(command) --inventory hosts --lpar \(file)")
      #expect(result.status == 1)
      #expect(result.output.contains("partition \"PROD1\" has adapter 3 "), "\(result.output)")
      #expect(
        result.messages
          == "apreserve: hosts/two.json: hmc.json: no LPAR is called \"PROD2\"; there is \"PROD1\"\n"
      )
    }
  }

  @Test(arguments: [
    ("plan --inventory machine.json --lpar absent.json", 1, "absent.json"),
    ("plan --inventory machine.json --lpar hmc.json:OTHER", 1, "no LPAR is called \"OTHER\""),
    ("verify guests --lpar hmc.json", 64, "--lpar requires --inventory."),
    (
      "plan --inventory machine.json --lpar hmc.json --diff guests none", 64,
      "--lpar cannot be combined with --diff or --against."
    ),
  ])
  func `is refused where it cannot be meant`(words: String, status: Int, message: String) throws {
    let result = try bench().run(words)
    #expect(result.status == status)
    #expect(result.messages.contains(message), "\(result.messages)")
  }
}

/// What zhmcclient gets from the HMC that it simulates (Tests/Tools/hmc-files.py).
@Suite(.enabled(if: Python.has("zhmcclient"), Python.hint))
struct `The files of zhmcclient` {
  private func bench() throws -> Workbench {
    let bench = try Sample.bench()
    try bench.directory("hmc")
    try #require(try Python.run("hmc-files.py", bench.path + "/hmc") == 0)
    return bench
  }

  /// A file, an LPAR in it, and what it has.
  @Test(arguments: [
    (
      "definition.json", "CPC1/production",
      "partition \"production\" of CPC1 (hmc/definition.json): adapters 1-3; usage domains 4-5, 71; control domains 10"
    ),
    (
      "definition.json", "TEST",
      "partition \"test guests\" of CPC1 (hmc/definition.json): adapters 1-2; usage domains 4-5; control domains none"
    ),
    (
      "definition.json", "EMPTY",
      "partition \"empty\" of CPC1 (hmc/definition.json): adapters none; usage domains none; control domains none"
    ),
    (
      "definition.json", "CPC2/LPAR1",
      "image profile \"LPAR1\" of CPC2 (hmc/definition.json): adapters 1; usage domains 4; control domains none"
    ),
    (
      "cpc.json", "PROD",
      "partition \"production\" of CPC1 (hmc/cpc.json): adapters 1-3; usage domains 4-5, 71; control domains 10"
    ),
    (
      "export.json", "PROD",
      "partition \"production\" (hmc/export.json): adapters 1-3; usage domains 4-5, 71; control domains 10"
    ),
    (
      "module.json", "PROD",
      "partition \"production\" (hmc/module.json): adapters 1-3; usage domains 4-5, 71; control domains 10"
    ),
    (
      "profile.json", "LPAR1",
      "image profile \"LPAR1\" of CPC2 (hmc/profile.json): adapters 1; usage domains 4; control domains none"
    ),
  ])
  func `are read`(file: String, lpar: String, heading: String) throws {
    let result = try bench().run(
      "plan --inventory machine.json --rules guests --lpar hmc/\(file):\(lpar)")
    #expect(result.output.contains("\nLPAR\n  \(heading)\n"), "\(result.messages)\(result.output)")
  }

  @Test func `show of what is missing what the HMC knows of it`() throws {
    let bench = try bench()
    try bench.file("more/10.rules", "APQN==\"03.0047\", RESERVE=\"vfio_ap\"\n")
    let plan = try bench.run(
      "plan --inventory machine.json --rules more --lpar hmc/definition.json:PROD")
    #expect(
      plan.output.contains(
        "  partition \"production\" of CPC1 has adapter 3 (0x03, CRYP03, PCHID 103, \"not-active\"), of which "
          + "03.0047 is requested, and this machine does not; "), "\(plan.output)")
    let verify = try bench.run(
      "verify more --inventory machine.json --lpar hmc/definition.json:TEST")
    #expect(
      verify.output.contains(
        "more/10.rules:1:1: warning: 03.0047 is requested, and partition \"test guests\" of CPC1 does not have "
          + "adapter 3 (0x03, CRYP03, PCHID 103, \"not-active\") and usage domain 71 (0x0047); add adapter 3 and "
          + "usage domain 71 to the cryptos in the partition's details on the HMC [lpar-request-not-assigned]\n"
      ),
      "\(verify.output)")
  }

  @Test(arguments: [
    (
      "definition.yaml", "this is not JSON; write it with \"zhmc cpc dpm-export --dpm-format json\""
    ),
    ("partition.json", "this names an adapter by its URI, and the file has no adapters"),
  ])
  func `that do not say enough are refused, with what to write instead`(
    file: String, message: String
  ) throws {
    let result = try bench().run("plan --inventory machine.json --rules guests --lpar hmc/\(file)")
    #expect(result.status == 1)
    #expect(result.messages.contains(message), "\(result.messages)")
  }
}
