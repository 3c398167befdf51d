import Reservation
import APBus
import ArgumentParser
import HostSystem
import Reports

/// `apreserve matrix`
struct MatrixCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "matrix",
    abstract: "Show the grid of adapters and domains, a cell a queue.",
    usage: "apreserve matrix [--svg <file>] [<options>]",
    discussion: """
      Numbers are hex as sysfs prints them, with the HMC's decimal beside. A letter says who has the queue, \
      a mark behind it what is to become of it; below the grid stands what they mean.

        apreserve matrix
        apreserve matrix --svg queues.svg
      """)

  @Option(
    help: ArgumentHelp(
      "Write the grid as an SVG drawing; - writes it to standard output.", valueName: "file"),
    completion: .file())
  var svg: String?

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let assessment = try options.assessment()
      let matrix = OwnerMatrix(assessment)
      if let svg {
        let drawing = matrix.svg(title: title(of: assessment))
        if svg == "-" {
          try Terminal.print(drawing)
        } else {
          try HostFile.write(drawing, to: svg)
        }
      } else {
        try options.output.print(text: matrix.text(style: options.output.style), json: matrix.json)
      }
    }
  }

  private func title(of assessment: Assessment) -> String {
    let lpar = assessment.host.lpar.map { " (LPAR \($0))" } ?? ""
    return "AP queues" + (assessment.host.name.map { " of \($0)\(lpar)" } ?? "")
  }
}
