import Testing
import Daemon

@Suite struct `The interface descriptions` {
  @Test func `name their interfaces`() {
    #expect(InterfaceDescription.all.map(\.name) == ["org.varlink.service", "org.apreserve"])
    for interface in InterfaceDescription.all {
      #expect(interface.text.contains("\ninterface \(interface.name)\n"))
    }
  }

  @Test func `describe every member with a comment above it`() {
    for interface in InterfaceDescription.all {
      let lines = interface.text.split(separator: "\n", omittingEmptySubsequences: false)
      for (index, line) in lines.enumerated()
      where ["method ", "type ", "error "].contains(where: { line.hasPrefix($0) }) {
        #expect(lines[index - 1].hasPrefix("#"), "\(line)")
      }
    }
  }
}
