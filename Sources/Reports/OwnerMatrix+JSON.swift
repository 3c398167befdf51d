import APBus
package import JSONText

extension OwnerMatrix {
  /// The grid for programs: the axes, and each place that has a queue or a mark.
  package var json: JSONValue {
    JSONObject.document("matrix") {
      $0.set("adapters", .array(rows.map(Self.json)))
      $0.set(
        "domains",
        .array(
          domains.map { domain in
            JSONObject.make {
              $0.set("name", text: Hex.text(domain, digits: 4))
              $0.set("number", number: domain)
            }
          }))
      let shown = cells.filter { $0.owner != nil || $0.mark != nil }
      $0.set("queues", .array(shown.map(Self.json)))
    }
  }

  private static func json(_ row: Row) -> JSONValue {
    JSONObject.make {
      $0.set("name", text: BusObject.cardName(row.adapter))
      $0.set("number", number: row.adapter)
      $0.set("type", text: row.type)
    }
  }

  private static func json(_ cell: Cell) -> JSONValue {
    JSONObject.make {
      $0.set("name", text: cell.apqn.description)
      $0.set("owner", text: cell.owner?.rawValue)
      $0.set("mark", text: cell.mark?.rawValue)
    }
  }
}
