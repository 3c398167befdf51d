import JSONText
import TestSupport
import Testing

@Suite struct `The exit status` {
  static let machine = "--inventory machine.json --rules"

  @Test(arguments: [
    ("plan \(machine) none", 0), ("plan \(machine) guests", 2), ("plan \(machine) alone", 3),
    ("plan --json \(machine) none", 0), ("plan --json \(machine) guests", 2),
    ("plan --json \(machine) alone", 3), ("plan --inventory nowhere --rules guests", 1),
    ("plan --capture boot.events --rules guests", 2), ("list \(machine) alone", 0),
    ("matrix \(machine) alone", 0), ("explain 01.0004 \(machine) alone", 0),
    ("explain 07.0007 \(machine) alone", 0), ("snapshot --inventory machine.json", 0),
    ("verify --rules alone", 0), ("verify alone/50.rules", 0), ("verify nowhere.rules", 1),
    ("rules --rules alone", 0), ("replay boot.events --rules alone", 0),
    ("simulate \(machine) guests", 0), ("simulate \(machine) alone", 3),
    ("--version", 0), ("--help", 0), ("help", 0), ("help plan", 0), ("plan --help", 0),
  ])
  func `says how a command ended`(words: String, status: Int) throws {
    #expect(try Sample.bench().run(words).status == status)
  }

  @Test(arguments: [
    "plan --rules guests", "apply --rules guests", "list --rules guests", "matrix --rules guests",
    "explain 01.0004 --rules guests", "snapshot", "plan --json --rules guests",
    "apply --json --rules guests",
  ])
  func `is 4 where there is no AP bus`(words: String) throws {
    let bench = try Sample.bench()
    try bench.directory("empty")
    let result = try bench.run("\(words) --sysfs empty")
    #expect(result.status == 4)
    #expect(result.output == "" || words.contains("--json"))
    #expect(
      result.messages
        == "apreserve: there is no AP bus in empty: bus/ap/devices does not exist\n")
  }

  @Test(arguments: [
    (
      "list --inventory machine.json --sysfs .",
      "--sysfs and --inventory both select a machine; use only one of them."
    ),
    ("snapshot --root .", "--root requires --sysfs."),
    (
      "plan --mechanism guess",
      "The value 'guess' is invalid for '--mechanism <mechanism>'. Please provide one of 'bind', "
        + "'mask' or 'override'."
    ),
    (
      "explain 05.4",
      "\"4\" is too short: a domain has 4 digits, as in 05.0004"
    ),
    (
      "explain 100.0004",
      "\"100\" is too large; the largest number is ff"
    ),
    (
      "explain 05.0100",
      "\"0100\" is too large; the largest number is 00ff"
    ),
    ("explain 05\u{1b}[31m", #"invalid queues '05\u{1B}[31m': there is a control character in it"#),
    (
      "guest define web1 --adapters 1\u{7f} --domains 4 --inventory machine.json --rules guests",
      "--adapters: there is a control character in it"
    ),
    ("explain", "Say which queues to explain, in hex as sysfs does: apreserve explain 05.0004"),
    ("list --state lost", "lost is no state; states are online, offline, "),
    ("list -o yaml", "yaml is no format; write wide, name, json or columns=queue,owner"),
    ("list -o columns=queue,size", "size is no column; columns are queue, hmc, "),
    ("list 5.27", "write it in hex as sysfs does: 05.001b"),
    ("plan my.rules", "my.rules is a file; use it with --rules and its directory."),
    ("list --colour never", "Unknown option '--colour'"),
    ("list 05,06", "05,06 has a comma; separate queues by blanks, or by | in quotes"),
    ("matrix --svg x.svg --json", "--svg and --json exclude each other."),
    ("verify alone/50.rules --rules alone", "Use only one of files, --rules and --root."),
    ("verify --root / --rules alone", "Use only one of files, --rules and --root."),
    ("replay", "Missing expected argument '<capture>'"),
    (
      "simulate",
      "A simulation needs a machine: use --inventory FILE or --script FILE."
    ),
    ("plan --nothing", "Unknown option '--nothing'"),
    ("plan machine.json", "machine.json is a file; use it with --inventory."),
    (
      "apply --inventory machine.json",
      "apply writes to a sysfs tree and does not accept --inventory; use plan to see what would be written, "
        + "or simulate to see it done."
    ),
    ("nothing", "Unknown command 'nothing'"),
    ("pln", "Unknown command 'pln'. Did you mean 'plan'?"),
    ("help nothing", "Unknown command 'nothing'"),
    ("rule ad", "Unknown command 'ad'. Did you mean 'add'?"),
    ("help rule nothing", "Unknown command 'nothing'"),
    (
      "rule remove 50.rules",
      "write the file and the line on which the rule begins, as in 50-local.rules:3."
    ),
    ("help stauts", "Unknown command 'stauts'. Did you mean 'status'?"),
    ("status --since today", "--since requires --history."),
    ("status --state-dir x", "--state-dir requires --history."),
    ("status --history --metrics", "--metrics cannot be combined with --json or --history."),
    (
      "status --history --since soon",
      #"--since must be a time such as "2027-01-15 08:00", "08:00", "2h ago", -30min, today, yesterday or boot."#
    ),
  ])
  func `is 64 for wrong usage`(words: String, message: String) throws {
    let result = try Sample.bench().run(words)
    #expect(result.status == 64)
    #expect(result.output == "" || words.hasSuffix("--json"))
    let first = result.messages.prefix { $0 != "\n" }
    let isError = ["Error: ", "apreserve: "].contains { first.hasPrefix($0) }
    #expect(isError && first.contains(message), "\(result.messages)")
  }

  /// Whichever way JSON is asked for.
  @Test(arguments: [
    ("plan --json", 1), ("plan --format json", 1), ("plan --format=json", 1), ("list -o json", 1),
    ("list -o=json", 1), ("list --format json", 1), ("plan --format json --no-such-option", 64),
  ])
  func `is in a document where there is no result`(words: String, status: Int) throws {
    let result = try Sample.bench().run("\(words) --rules guests --inventory nowhere")
    #expect(result.status == status)
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(json["apreserve"]?.text == "error")
    #expect(json["status"]?.integer == status)
    #expect(json["messages"]?.elements.isEmpty == false)
  }

  /// Another format, or a file, of that name asks for nothing.
  @Test(arguments: ["plan -o json", "list -o name", "verify --format junit"])
  func `is not in a document that nobody asks for`(words: String) throws {
    let result = try Sample.bench().run("\(words) --rules guests --inventory nowhere")
    #expect(result.status == 1)
    #expect(!result.output.contains("\"error\""))
  }

  @Test func `is not in a document that a command in a simulation is asked for`() throws {
    let result = try Sample.bench().run("simulate --script nowhere --mount guests -- true --json")
    #expect(result.status == 1)
    #expect(result.messages.hasPrefix("apreserve: opening nowhere: "), "\(result.messages)")
    #expect(result.output == "")
  }

  /// A result that could not be printed is an error, whatever the command found.
  @Test(arguments: [
    "list --inventory machine.json --rules guests", "plan --inventory machine.json --rules guests",
    "snapshot --inventory machine.json", "verify --rules guests", "rules --rules guests",
    "replay boot.events --rules guests", "simulate --inventory machine.json --rules guests --json",
  ])
  func `is 1 when the result cannot be written`(words: String) throws {
    let result = try Program.run(
      words.split(separator: " ").map(String.init), in: Sample.bench(), output: "/dev/full")
    #expect(result.status == 1)
    #expect(
      result.messages
        == "apreserve: writing the result: ENOSPC (no space left on device)\n"
    )
  }
}
