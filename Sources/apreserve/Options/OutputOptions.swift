import ArgumentParser
import Reports
import JSONText

/// When results are coloured.
enum ColorChoice: String, CaseIterable, ExpressibleByArgument {
  case auto, always, never
}

/// Whether results are coloured.
struct ColorOptions: ParsableArguments {
  @Option(help: "Whether the result has colours; auto means on a terminal, unless NO_COLOR is set.")
  var color = ColorChoice.auto

  var style: TextStyle {
    switch color {
    case .always: TextStyle(isColored: true)
    case .never: .plain
    case .auto: TextStyle(isColored: Terminal.isInteractive && !Terminal.refusesColor)
    }
  }
}

/// How results are printed.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the result as JSON.")
  var json = false

  @OptionGroup var color: ColorOptions

  var style: TextStyle { color.style }

  /// Prints one of the two forms.
  func print(text: @autoclosure () -> String, json document: @autoclosure () -> JSONValue) throws {
    try Terminal.print(json ? document().documentText : text())
  }
}
