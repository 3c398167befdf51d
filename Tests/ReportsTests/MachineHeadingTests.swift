import APBus
import Reports
import Testing

@Suite struct `The heading of a report` {
  private let heading = MachineHeading(
    host: HostIdentity(name: "kvm1", lpar: "PROD1"), kernel: "6.19.3",
    source: .file("snapshots/kvm1.example.com.json", age: nil))

  @Test func `is one line`() {
    #expect(
      heading.line(style: .plain)
        == "kvm1 (LPAR PROD1), Linux 6.19.3, from snapshots/kvm1.example.com.json")
  }

  @Test func `is several lines on a terminal that is too narrow`() {
    #expect(
      heading.line(style: TextStyle(isColored: false, width: 40))
        == """
        kvm1 (LPAR PROD1), Linux 6.19.3,
            from snapshots/kvm1.example.com.json
        """)
  }
}
