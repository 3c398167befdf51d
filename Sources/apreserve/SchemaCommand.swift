import APBus
import ArgumentParser
import Daemon
import JSONText
import Replay
import Reports
import Snapshots

/// `apreserve schema`
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Print the JSON Schema of a document that a command prints.",
    usage: "apreserve schema [<document>]",
    discussion: """
      Without a document, lists the documents and what prints them. The schemas are also installed in \
      /usr/share/apreserve/schema.

        apreserve schema plan > plan.schema.json
      """)

  @Argument(
    help: "The document.", completion: .list(DocumentSchema.all.map(\.name)))
  var document: String?

  func run() throws {
    try reportingErrors {
      guard let document else {
        try Terminal.print(DocumentSchema.list)
        return
      }
      guard let schema = DocumentSchema.all.first(where: { $0.name == document }) else {
        throw ValidationError(
          "There is no document \"\(document.printable)\"; apreserve schema lists them.")
      }
      try Terminal.print(schema.value.documentText)
    }
  }
}

/// A document that commands print, and its schema.
private struct DocumentSchema {
  let name: String
  let value: JSONValue

  init(_ name: String, of title: String, _ schema: (_ name: String, _ title: String) -> JSONValue) {
    self.name = name
    value = schema(name, title)
  }

  private var title: String { value["title"]?.text ?? "" }

  static let all: [DocumentSchema] = [
    DocumentSchema("plan", of: "plan --json", PlanReport.layout.schemaFile),
    DocumentSchema("plan-difference", of: "plan --diff --json", PlanDifference.layout.schemaFile),
    DocumentSchema(
      "fleet-plan", of: "plan --json for several machines", FleetDocument.plan.schemaFile),
    DocumentSchema(
      "fleet-plan-difference", of: "plan --diff --json for several machines",
      FleetDocument.difference.schemaFile),
    DocumentSchema("drift", of: "drift --json", DriftReport.layout.schemaFile),
    DocumentSchema(
      "fleet-drift", of: "drift --json for several machines", FleetDocument.drift.schemaFile),
    DocumentSchema("saved-plan", of: "plan -o", SavedPlan.layout.schemaFile),
    DocumentSchema("apply", of: "apply --json, without the daemon", ApplyReport.layout.schemaFile),
    DocumentSchema("undo", of: "undo --json", Undo.layout.schemaFile),
    DocumentSchema("verify", of: "verify --json", Verification.layout.schemaFile),
    DocumentSchema("rules", of: "rules --json", RuleListing.layout.schemaFile),
    DocumentSchema("rule-difference", of: "rules --diff --json", RuleDifference.layout.schemaFile),
    DocumentSchema(
      "rule-change", of: "rule add and rule remove with --json", RuleChange.layout.schemaFile),
    DocumentSchema("explain", of: "explain --json", Explanations.schemaFile),
    DocumentSchema("list", of: "list --json", QueueList.layout.schemaFile),
    DocumentSchema(
      "fleet-explain", of: "explain --json for several machines", FleetDocument.explain.schemaFile),
    DocumentSchema(
      "fleet-list", of: "list --json for several machines", FleetDocument.list.schemaFile),
    DocumentSchema("guest-list", of: "guest list --json", GuestList.layout.schemaFile),
    DocumentSchema(
      "fleet-guest-list", of: "guest list --json for several machines",
      FleetDocument.guestList.schemaFile),
    DocumentSchema("guest", of: "guest show --json", GuestReport.layout.schemaFile),
    DocumentSchema(
      "guest-definition", of: "guest define --json", GuestDefinition.layout.schemaFile),
    DocumentSchema("comparison", of: "compare --json", MoveReport.layout.schemaFile),
    DocumentSchema(
      "fleet-comparison", of: "compare --json for several machines",
      FleetDocument.comparison.schemaFile),
    DocumentSchema("placement", of: "place --json", Placement.layout.schemaFile),
    DocumentSchema("matrix", of: "matrix --json", OwnerMatrix.layout.schemaFile),
    DocumentSchema(
      "fleet-matrix", of: "matrix --json for several machines", FleetDocument.matrix.schemaFile),
    DocumentSchema(
      "snapshot", of: "snapshot, and simulate --snapshot", Snapshot.layout.schemaFile),
    DocumentSchema("event", of: "each line of monitor --json", UeventReport.layout.schemaFile),
    DocumentSchema(
      "status", of: "status --json, and apply --json with the daemon",
      StatusDocument.layout.schemaFile),
    DocumentSchema(
      "history-entry", of: "each line of status --history --json", HistoryEntry.union.schemaFile),
    DocumentSchema(
      "replay", of: "replay --json and simulate --json", ReplaySummary.layout.schemaFile),
    DocumentSchema(
      "error", of: "any command with --json that fails", ErrorReport.layout.schemaFile),
  ]

  static var list: String {
    let width = all.map(\.name.count).max() ?? 0
    return all.map { schema in
      schema.name + String(repeating: " ", count: width - schema.name.count + 2)
        + "\(schema.title)\n"
    }.joined()
  }
}
