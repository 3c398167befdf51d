import SwiftSyntax

/// Walks a file and stops at each outermost piece of code; what is in it, `MutantFinder` sees.
final class PlaceFinder: SyntaxVisitor {
  private(set) var places: [Place] = []
  private let file: SourceFile
  private let cases: EnumCases
  private let lines: SourceLines
  private var declarations: [String] = []

  init(file: SourceFile, cases: EnumCases) {
    self.file = file
    self.cases = cases
    lines = SourceLines(file.text)
    super.init(viewMode: .sourceAccurate)
  }

  // MARK: Types

  private func enter(_ name: String) -> SyntaxVisitorContinueKind {
    declarations.append(name)
    return .visitChildren
  }

  private func leave() { declarations.removeLast() }

  override func visit(_ node: StructDeclSyntax) -> SyntaxVisitorContinueKind {
    enter(node.name.text)
  }
  override func visitPost(_ node: StructDeclSyntax) { leave() }
  override func visit(_ node: ClassDeclSyntax) -> SyntaxVisitorContinueKind {
    enter(node.name.text)
  }
  override func visitPost(_ node: ClassDeclSyntax) { leave() }
  override func visit(_ node: EnumDeclSyntax) -> SyntaxVisitorContinueKind {
    enter(node.name.text)
  }
  override func visitPost(_ node: EnumDeclSyntax) { leave() }
  override func visit(_ node: ProtocolDeclSyntax) -> SyntaxVisitorContinueKind {
    enter(node.name.text)
  }
  override func visitPost(_ node: ProtocolDeclSyntax) { leave() }
  override func visit(_ node: ExtensionDeclSyntax) -> SyntaxVisitorContinueKind {
    enter(node.extendedType.trimmedDescription)
  }
  override func visitPost(_ node: ExtensionDeclSyntax) { leave() }

  // Whichever of them is compiled: a mutant of the other would survive.
  override func visit(_ node: IfConfigDeclSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
  override func visit(_ node: EnumCaseDeclSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
  override func visit(_ node: AttributeListSyntax) -> SyntaxVisitorContinueKind { .skipChildren }

  // MARK: Functions and properties

  override func visit(_ node: FunctionDeclSyntax) -> SyntaxVisitorContinueKind {
    let name = node.name.text + Self.labels(of: node.signature.parameterClause)
    // Values that are equal hash alike, also where one field is left out.
    guard name != "hash(into:)" else { return .skipChildren }
    let type = node.signature.returnClause?.type
    addDefaults(of: node.signature.parameterClause, name)
    add(node.body, name, type)
    return .skipChildren
  }

  override func visit(_ node: InitializerDeclSyntax) -> SyntaxVisitorContinueKind {
    let name = "init" + Self.labels(of: node.signature.parameterClause)
    addDefaults(of: node.signature.parameterClause, name)
    add(node.body, name, nil)
    return .skipChildren
  }

  override func visit(_ node: DeinitializerDeclSyntax) -> SyntaxVisitorContinueKind {
    add(node.body, "deinit", nil)
    return .skipChildren
  }

  override func visit(_ node: SubscriptDeclSyntax) -> SyntaxVisitorContinueKind {
    let name = "subscript" + Self.labels(of: node.parameterClause)
    addDefaults(of: node.parameterClause, name)
    add(node.accessorBlock, name, node.returnClause.type)
    return .skipChildren
  }

  override func visit(_ node: VariableDeclSyntax) -> SyntaxVisitorContinueKind {
    for binding in node.bindings {
      let name = binding.pattern.trimmedDescription
      if let value = binding.initializer?.value {
        add(value, name)
      }
      add(binding.accessorBlock, name, binding.typeAnnotation?.type)
    }
    return .skipChildren
  }

  private static func labels(of parameters: FunctionParameterClauseSyntax) -> String {
    "(" + parameters.parameters.map { $0.firstName.text + ":" }.joined() + ")"
  }

  // MARK: Places

  private func addDefaults(of parameters: FunctionParameterClauseSyntax, _ name: String) {
    for parameter in parameters.parameters {
      if let value = parameter.defaultValue?.value { add(value, name) }
    }
  }

  private func add(_ value: ExprSyntax, _ name: String) {
    let finder = mutantFinder(for: name, returning: nil)
    finder.walk(value)
    let range = value.trimmedBytes
    add(Place(kind: .value, range: range, mutants: finder.mutants))
  }

  private func add(
    _ block: AccessorBlockSyntax?, _ name: String, _ type: TypeSyntax?
  ) {
    switch block?.accessors {
    case nil: break
    case .getter(let items):
      guard let block else { return }
      let range =
        block.leftBrace.trimmedBytes.upperBound..<block.rightBrace.trimmedBytes.lowerBound
      add(items, in: range, name, type)
    case .accessors(let accessors):
      for accessor in accessors {
        let isGetter = accessor.accessorSpecifier.tokenKind == .keyword(.get)
        add(accessor.body, name, isGetter ? type : nil)
      }
    }
  }

  private func add(
    _ body: CodeBlockSyntax?, _ name: String, _ type: TypeSyntax?
  ) {
    guard let body else { return }
    let range = body.leftBrace.trimmedBytes.upperBound..<body.rightBrace.trimmedBytes.lowerBound
    add(body.statements, in: range, name, type)
  }

  private func add(
    _ items: CodeBlockItemListSyntax, in range: Range<Int>, _ name: String, _ type: TypeSyntax?
  ) {
    let finder = mutantFinder(for: name, returning: type)
    let isReturned = type != nil && items.isSingleExpression
    if isReturned, let item = items.first { finder.addResult(item) }
    finder.walk(items)
    add(
      Place(
        kind: isReturned ? .returnedExpression : .body, range: range, mutants: finder.mutants))
  }

  private func add(_ place: Place) {
    guard !place.mutants.isEmpty else { return }
    places.append(place)
  }

  private func mutantFinder(for name: String, returning type: TypeSyntax?) -> MutantFinder {
    MutantFinder(
      path: file.path, declaration: (declarations + [name]).joined(separator: "."), lines: lines,
      cases: cases, result: type)
  }
}

extension SyntaxProtocol {
  /// Where it is in the file, in bytes, without the space and comments around it.
  var trimmedBytes: Range<Int> {
    positionAfterSkippingLeadingTrivia.utf8Offset..<endPositionBeforeTrailingTrivia.utf8Offset
  }
}

extension CodeBlockItemListSyntax {
  /// Whether a function with that body returns the value of its only expression.
  var isSingleExpression: Bool {
    guard count == 1, let item = first?.item else { return false }
    switch item {
    case .decl: return false
    case .expr: return true
    case .stmt(let statement):
      guard let expression = statement.as(ExpressionStmtSyntax.self)?.expression else {
        return false
      }
      guard expression.is(IfExprSyntax.self) || expression.is(SwitchExprSyntax.self) else {
        return true
      }
      let search = ReturnSearch(viewMode: .sourceAccurate)
      search.walk(expression)
      return !search.hasFound
    }
  }
}

/// Whether there is a `return` that belongs to the function itself.
private final class ReturnSearch: SyntaxVisitor {
  var hasFound = false

  override func visit(_ node: ReturnStmtSyntax) -> SyntaxVisitorContinueKind {
    hasFound = true
    return .skipChildren
  }
  override func visit(_ node: ClosureExprSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
  override func visit(_ node: FunctionDeclSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
}
