import SwiftSyntax

/// The cases without values of the enumerations of some files: which other case can stand for a case.
package struct EnumCases {
  private var enumerations: [String: [String]] = [:]

  package init(of files: [SourceFile]) {
    let collector = Collector(viewMode: .sourceAccurate)
    for file in files { collector.walk(file.syntax) }
    enumerations = collector.enumerations
  }

  /// The next case of the same enumeration; nil where the name alone does not tell which one that is.
  func sibling(of name: String) -> String? {
    let owners = enumerations.values.filter { $0.contains(name) }
    guard owners.count == 1, let cases = owners.first, cases.count > 1,
      let index = cases.firstIndex(of: name)
    else { return nil }
    return cases[(index + 1) % cases.count]
  }

  private final class Collector: SyntaxVisitor {
    var enumerations: [String: [String]] = [:]

    override func visit(_ node: EnumDeclSyntax) -> SyntaxVisitorContinueKind {
      var names: [String] = []
      for member in node.memberBlock.members {
        guard let declaration = member.decl.as(EnumCaseDeclSyntax.self) else { continue }
        for element in declaration.elements where element.parameterClause == nil {
          names.append(element.name.text)
        }
      }
      // By position too, since enumerations in different types have the same name.
      enumerations["\(node.name.text) \(enumerations.count)"] = names
      return .visitChildren
    }
  }
}
