import APBus
import Reservation
import Snapshots
import Testing

/// A document, and what is read of it: of each LPAR its title, its adapters and its domains.
private struct Row: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var text: String
  var lpars: [String]
}

private let crypto5 = """
  {"object-uri": "/api/adapters/a5", "name": "CRYP05", "adapter-id": "11c", "adapter-family": "crypto", \
  "crypto-number": 5, "crypto-type": "cca-coprocessor", "detected-card-type": "crypto-express-8s", \
  "card-location": "A14B-LG09", "status": "active", "tke-commands-enabled": true}
  """
private let crypto6 = """
  {"object-uri": "/api/adapters/a6", "name": "CRYP06", "adapter-family": "crypto", "crypto-number": 6, \
  "crypto-type": "ep11-coprocessor", "detected-card-type": "crypto-express-9s", "status": "not-active"}
  """
/// One that no partition has, and that is not set up yet.
private let unnumbered = """
  {"object-uri": "/api/adapters/a7", "adapter-family": "crypto", "crypto-number": null}
  """
private let network = """
  {"object-uri": "/api/adapters/n1", "name": "OSA", "adapter-family": "osa", "type": "osd"}
  """

private let configuration = """
  {"crypto-adapter-uris": ["/api/adapters/a6", "/api/adapters/a5"], "crypto-domain-configurations": [
    {"domain-index": 4, "access-mode": "control-usage"}, {"domain-index": 84, "access-mode": "control-usage"},
    {"domain-index": 10, "access-mode": "control"}]}
  """

private func partition(_ crypto: String, name: String = "kvm one", short: String = "KVM1") -> String
{
  """
  {"name": "\(name)", "short-name": "\(short)", "class": "partition", "crypto-configuration": \(crypto)}
  """
}

private let profile = """
  {"name": "LPAR1", "class": "image-activation-profile", "parent-name": "CPC2",
   "assigned-cryptos": [{"number": 7, "activation-type": "any"}, {"number": 3, "activation-type": "other"}],
   "assigned-crypto-domains": [{"domain-index": 0, "access-mode": "control-usage"}]}
  """

private let both = "5 CRYP05 11c 14 cca active, 6 CRYP06 - - ep11 not-active"

private let rows = [
  Row(
    testDescription: "an HMC definition of zhmcclient",
    text: """
      {"hmc_definition": {"host": "hmc1", "consoles": [], "cpcs": [
        {"properties": {"name": "CPC1"},
         "adapters": [{"properties": \(network)}, {"properties": \(crypto5)}, {"properties": \(crypto6)},
                      {"properties": \(unnumbered)}],
         "partitions": [{"properties": \(partition(configuration))},
                        {"properties": \(partition("null", name: "two", short: "TWO"))}]},
        {"properties": {"name": "CPC2"}, "lpars": [],
         "image_activation_profiles": [{"properties": \(profile)}, {"properties": {"name": "OLD"}}]}]}}
      """,
    lpars: [
      "partition \"kvm one\" of CPC1 (KVM1): \(both); usage 4 84; control 10; others ",
      "partition \"two\" of CPC1 (TWO): ; usage ; control ; others 5 6",
      "image profile \"LPAR1\" of CPC2: 3 - - - - -, 7 - - - - -; usage 0; control ",
    ]),
  Row(
    testDescription: "a dump of one system",
    text: """
      {"properties": {"name": "CPC1"}, "adapters": [{"properties": \(crypto5)}, {"properties": \(crypto6)}],
       "partitions": [{"properties": \(partition(configuration))}]}
      """,
    lpars: ["partition \"kvm one\" of CPC1 (KVM1): \(both); usage 4 84; control 10; others "]),
  Row(
    testDescription: "an exported DPM configuration",
    text: """
      {"se-version": "2.16.0", "adapters": [\(network), \(crypto5), \(crypto6)],
       "partitions": [\(partition(configuration))], "zhmccli-meta-exported-from-cpc-name": "CPC9"}
      """,
    lpars: ["partition \"kvm one\" of CPC9 (KVM1): \(both); usage 4 84; control 10; others "]),
  Row(
    testDescription: "an image activation profile", text: profile,
    lpars: ["image profile \"LPAR1\" of CPC2: 3 - - - - -, 7 - - - - -; usage 0; control "]),
  Row(
    testDescription: "the result of zhmc_crypto_attachment",
    text: """
      {"changed": false, "crypto_configuration": {"kvm one": {
        "adapters": {"CRYP05": \(crypto5)}, "domain_config": {"10": "usage", "11": "control"},
        "usage_domains": [10], "control_domains": [11]}}}
      """,
    lpars: ["partition \"kvm one\": 5 CRYP05 11c 14 cca active; usage 10; control 11"]),
  Row(
    testDescription: "the result of zhmc_partition with its adapters",
    text: """
      {"changed": false, "partition": {"name": "kvm one", "short-name": "KVM1", "crypto-configuration": {
        "crypto-adapters": [\(crypto5)], "crypto-adapter-uris": ["/api/adapters/a5"],
        "crypto-domain-configurations": []}}}
      """,
    lpars: ["partition \"kvm one\" (KVM1): 5 CRYP05 11c 14 cca active; usage ; control "]),
  Row(
    testDescription: "a partition without any crypto", text: partition("null"),
    lpars: ["partition \"kvm one\" (KVM1): ; usage ; control "]),
]

@Suite struct `The data of an HMC` {
  @Test(arguments: rows)
  private func `is read from`(row: Row) throws {
    #expect(
      try LPARFile.decode(Array(row.text.utf8), file: "hmc.json").map(Self.text) == row.lpars)
  }

  private static func text(_ lpar: LPARConfiguration) -> String {
    let adapters = lpar.adapters.map { adapter in
      let parts = [
        adapter.name, adapter.channel, adapter.hardwareType.map { "\($0.rawValue)" },
        adapter.mode?.rawValue, adapter.status,
      ].map { $0 ?? "-" }
      return "\(adapter.number) " + parts.joined(separator: " ")
    }.joined(separator: ", ")
    func numbers(_ mask: APMask) -> String { mask.map { "\($0)" }.joined(separator: " ") }
    let others = lpar.otherAdapters.map {
      "; others " + $0.map { "\($0.number)" }.joined(separator: " ")
    }
    return lpar.title + (lpar.shortName.map { " (\($0))" } ?? "") + ": \(adapters); usage "
      + "\(numbers(lpar.usageDomains)); control \(numbers(lpar.controlDomains))" + (others ?? "")
  }

  /// A document in which something is wrong, and the message, without the name of the file.
  @Test(arguments: [
    ("", "the file is empty"),
    (
      "hmc_definition:\n  cpcs: []\n",
      "this is not JSON; write it with \"zhmc cpc dpm-export --dpm-format json\", or convert YAML with: "
        + "python3 -c 'import sys, json, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)'"
    ),
    ("{\"a\": x}", "1:7: expected a value, found \"x\""),
    (
      "{\"a\": 1}",
      "this has no crypto configuration of an LPAR; see --lpar in apreserve(1) for what has one"
    ),
    (
      "[{\"adapter\": \"CRYP05\", \"domains\": \"4\", \"access-mode\": \"control\"}]",
      "this has no crypto configuration of an LPAR; see --lpar in apreserve(1) for what has one"
    ),
    (
      "{\"partitions\": [{\"name\": \"one\"}]}",
      "there is no crypto configuration of an LPAR: partitions need all their properties, and image "
        + "activation profiles have one from z16 on"
    ),
    (
      "{\"partitions\": {}}", "partitions: an object is not an array, [ ... ]"
    ),
    ("{\"cpcs\": [{}]}", "cpcs[0].properties: this is missing"),
    ("{\"cpcs\": [{\"properties\": {}}]}", "cpcs[0].properties.name: this is missing"),
    (
      "{\"cpcs\": [{\"properties\": {\"name\": 1}}]}",
      "cpcs[0].properties.name: 1 is not a string in quotes"
    ),
    (
      partition(configuration),
      "crypto-configuration.crypto-adapter-uris[0]: this names an adapter by its URI, and the file has no "
        + "adapters: write it with \"zhmc cpc dpm-export --dpm-format json\""
    ),
    (
      "{\"adapters\": [\(crypto5)], \"partitions\": [\(partition(configuration))]}",
      "partitions[0].crypto-configuration.crypto-adapter-uris[0]: no crypto adapter in the file has the URI "
        + "\"/api/adapters/a6\""
    ),
    (
      "{\"adapters\": [\(crypto5), \(unnumbered)], \"partitions\": [\(partition("{\"crypto-adapter-uris\": [\"/api/adapters/a7\"]}"))]}",
      "crypto-number: null is not a number of 0 to 255"
    ),
    (
      "{\"crypto_configuration\": {\"a\": {\"adapters\": {\"1\": {\"crypto-number\": 5}, \"2\": {\"crypto-number\": 5}}}}}",
      "crypto_configuration.a: two adapters have the number 5"
    ),
    (
      "{\"crypto_configuration\": {\"a\": {\"adapters\": {}, \"usage_domains\": [256]}}}",
      "crypto_configuration.a.usage_domains[0]: 256 is not a number of 0 to 255"
    ),
    (
      "{\"crypto_configuration\": {\"a\": {\"adapters\": {}, \"usage_domains\": [1.0]}}}",
      "crypto_configuration.a.usage_domains[0]: 1.0 is not a number of 0 to 255"
    ),
    (
      "{\"name\": \"L\", \"assigned-cryptos\": [{\"number\": -1}]}",
      "assigned-cryptos[0].number: -1 is not a number of 0 to 255"
    ),
    (
      "{\"name\": \"L\", \"assigned-cryptos\": [], \"assigned-crypto-domains\": [{\"domain-index\": 1, \"access-mode\": \"usage\"}]}",
      "assigned-crypto-domains[0].access-mode: \"usage\" is not \"control-usage\" or \"control\""
    ),
    (
      "{\"name\": \"L\", \"assigned-cryptos\": [], \"assigned-crypto-domains\": [{\"domain-index\": 1, \"access-mode\": \"control\"}, {\"domain-index\": 1, \"access-mode\": \"control\"}]}",
      "assigned-crypto-domains[1]: domain 1 is there twice"
    ),
    (
      "{\"name\": \"L\", \"assigned-cryptos\": {\"\\u001b[2J\": 1}}",
      "assigned-cryptos: an object is not an array, [ ... ]"
    ),
  ])
  func `is refused, with the place and what to write`(text: String, message: String) throws {
    let error = try #require(throws: SnapshotError.self) {
      try LPARFile.decode(Array(text.utf8), file: "hmc.json")
    }
    #expect(error.description.hasPrefix("hmc.json:"))
    #expect(error.description.hasSuffix(message), "\(error)")
  }
}
