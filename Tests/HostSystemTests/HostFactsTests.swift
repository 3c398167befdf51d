import AdjunctProcessor
import HostSystem
import HostTestSupport
import Testing

@Suite struct `The host's names` {
  @Test func `come from files below the given root`() throws {
    let tree = try TemporaryTree()
    #expect(HostFacts(root: tree.path).identity() == HostIdentity())
    try tree.file("etc/hostname", "# a comment\n\n  lnx01.example \n")
    try tree.file(
      "proc/sysinfo",
      "Manufacturer:         IBM\n\nLPAR Number:          5\n"
        + "LPAR Characteristics: Shared\nLPAR Name:            PROD1   \nVM00 Name:            ZVM\n"
    )
    let names = HostIdentity(name: "lnx01.example", lpar: "PROD1")
    #expect(HostFacts(root: tree.path).identity() == names)
    #expect(HostFacts(root: tree.path + "/").identity() == names)
  }

  @Test func `of this host are known`() {
    #expect(HostFacts().identity().name?.isEmpty == false)
  }

  @Test(arguments: ["", "\n", "LPAR Name:\n", "LPAR Name:      \n", "XLPAR Name: A\n"])
  func `leave out an LPAR without a name`(text: String) {
    #expect(HostFacts.lparName(text) == nil)
  }
}
