import ArgumentParser
import HostSystem
import Reports

/// `apreserve matrix`
struct MatrixCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "matrix",
    abstract: "Show the grid of adapters and domains, a cell a queue.",
    discussion: """
      Numbers are hex as sysfs prints them, with the HMC's decimal beside. Cells that the rules want \
      otherwise are marked.
      """)

  @Option(help: ArgumentHelp("Write the grid as an SVG drawing.", valueName: "file"))
  var svg: String?

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let assessment = try options.assessment()
      let matrix = OwnerMatrix(assessment)
      if let svg {
        try HostFile.write(matrix.svg(title: "AP queues"), to: svg)
      } else {
        try options.output.print(text: matrix.text(style: options.output.style), json: matrix.json)
      }
    }
  }
}
