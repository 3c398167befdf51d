import SwiftOperators
import SwiftParser
import SwiftSyntax

/// A file that mutants are made of.
package struct SourceFile {
  package let path: String
  package let text: String
  /// Operators have their operands.
  let syntax: SourceFileSyntax

  package init(path: String, text: String) {
    self.path = path
    self.text = text
    let parsed = Parser.parse(source: text)
    // An operator of our own stays unfolded, and so unmutated.
    let folded = OperatorTable.standardOperators.foldAll(parsed, errorHandler: { _ in })
    syntax = folded.as(SourceFileSyntax.self) ?? parsed
  }

  /// All places with all mutants that there are.
  package func places(cases: EnumCases) -> [Place] {
    let finder = PlaceFinder(file: self, cases: cases)
    finder.walk(syntax)
    return finder.places
  }

  /// The attributes that a mutated file is without: a body that asks which mutant is active cannot be
  /// inlined into other modules.
  var inliningAttributes: [Range<Int>] {
    let search = InliningSearch(viewMode: .sourceAccurate)
    search.walk(syntax)
    return search.found
  }
}

private final class InliningSearch: SyntaxVisitor {
  var found: [Range<Int>] = []

  override func visit(_ node: AttributeSyntax) -> SyntaxVisitorContinueKind {
    if ["inlinable", "usableFromInline"].contains(node.attributeName.trimmedDescription) {
      found.append(node.trimmedBytes)
    }
    return .skipChildren
  }
}
