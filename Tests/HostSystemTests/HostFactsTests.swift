import APBus
import HostSystem
import HostTestSupport
import TestSupport
import Testing

@Suite struct `The host's names` {
  @Test func `are read from files below the given root`() throws {
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

  @Test(arguments: [
    "localhost", "localhost.localdomain", "LocalHost", "localhost.", "(none)", "", "\n\n",
    "# lnx01",
  ])
  func `are not what hosts are called that have none`(text: String) throws {
    let tree = try TemporaryTree()
    try tree.file("etc/hostname", text + "\n")
    #expect(HostFacts(root: tree.path).identity().name == nil)
    #expect(HostFacts.hostName(text) == nil)
  }

  @Test(arguments: ["localhost1", "localhost.example", "none"])
  func `may have this form`(text: String) {
    #expect(HostFacts.hostName(text) == text)
  }

  @Test(arguments: ["", "\n", "LPAR Name:\n", "LPAR Name:      \n", "XLPAR Name: A\n"])
  func `leave out an LPAR without a name`(text: String) {
    #expect(HostFacts.lparName(text) == nil)
  }
}
