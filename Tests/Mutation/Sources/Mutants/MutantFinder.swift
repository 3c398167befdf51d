import SwiftSyntax

/// Finds the mutants of one piece of code.
///
/// Each is a mistake of the kind that people make: a wrong operator or a bound that is off by one, a
/// condition that is forgotten or the wrong way round, a step left out, the wrong one of two names that
/// belong together. Texts for people are left alone, and what only guards against faults of our own.
final class MutantFinder: SyntaxVisitor {
  private(set) var mutants: [Mutant] = []
  private let path: String
  private let declaration: String
  private let lines: SourceLines
  private let cases: EnumCases
  /// The types that functions around the current node return.
  private var results: [TypeSyntax?]

  init(
    path: String, declaration: String, lines: SourceLines, cases: EnumCases, result: TypeSyntax?
  ) {
    self.path = path
    self.declaration = declaration
    self.lines = lines
    self.cases = cases
    results = [result]
    super.init(viewMode: .sourceAccurate)
  }

  private func add(_ range: Range<Int>, _ replacement: String) {
    let (original, mutated) = lines.lines(range, replacement: replacement)
    let mutant = Mutant(
      file: path, declaration: declaration, line: lines.number(at: range.lowerBound), range: range,
      replacement: replacement, original: original, mutated: mutated)
    guard original != mutated, !mutants.contains(mutant) else { return }
    mutants.append(mutant)
  }

  private func replace(_ node: some SyntaxProtocol, by replacement: String) {
    add(node.trimmedBytes, replacement)
  }

  // MARK: What is left alone

  override func visit(_ node: StringLiteralExprSyntax) -> SyntaxVisitorContinueKind {
    .skipChildren
  }
  override func visit(_ node: AttributeListSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
  override func visit(_ node: IfConfigDeclSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
  override func visit(_ node: MacroExpansionExprSyntax) -> SyntaxVisitorContinueKind {
    .skipChildren
  }

  private static let checks: Set = [
    "assert", "assertionFailure", "precondition", "preconditionFailure", "fatalError",
  ]
  /// Calls that change nothing but speed.
  private static let hints: Set = ["reserveCapacity"]

  private static func isLeftAlone(_ call: FunctionCallExprSyntax) -> Bool {
    if let name = call.calledExpression.as(DeclReferenceExprSyntax.self)?.baseName.text {
      return checks.contains(name)
    }
    let member = call.calledExpression.as(MemberAccessExprSyntax.self)?.declName.baseName.text
    return member.map(hints.contains) ?? false
  }

  // MARK: Results

  override func visit(_ node: FunctionDeclSyntax) -> SyntaxVisitorContinueKind {
    results.append(node.signature.returnClause?.type)
    if let body = node.body, results.last != nil, body.statements.isSingleExpression,
      let item = body.statements.first
    {
      addResult(item)
    }
    return .visitChildren
  }
  override func visitPost(_ node: FunctionDeclSyntax) { results.removeLast() }

  override func visit(_ node: ClosureExprSyntax) -> SyntaxVisitorContinueKind {
    results.append(node.signature?.returnClause?.type)
    return .visitChildren
  }
  override func visitPost(_ node: ClosureExprSyntax) { results.removeLast() }

  override func visit(_ node: ReturnStmtSyntax) -> SyntaxVisitorContinueKind {
    if let expression = node.expression { addResult(expression) }
    return .visitChildren
  }

  /// The only expression of a function is its result.
  func addResult(_ item: CodeBlockItemSyntax) {
    guard case .expr(let expression) = item.item else { return }
    addResult(expression)
  }

  private func addResult(_ expression: ExprSyntax) {
    guard let type = results.last ?? nil else { return }
    if type.trimmedDescription == "Bool" { negate(expression) }
    if type.is(OptionalTypeSyntax.self), !expression.is(NilLiteralExprSyntax.self) {
      replace(expression, by: "nil")
    }
  }

  // MARK: Conditions

  /// Turns a condition round, unless it is made of an operator that is mutated itself.
  private func negate(_ expression: ExprSyntax) {
    if let infix = expression.as(InfixOperatorExprSyntax.self) {
      let name = infix.operator.trimmedDescription
      guard Self.operators[name] == nil || name == "&&" || name == "||" else { return }
    }
    guard !expression.is(PrefixOperatorExprSyntax.self),
      !expression.is(BooleanLiteralExprSyntax.self)
    else { return }
    let text = expression.trimmedDescription
    let isSimple =
      expression.is(DeclReferenceExprSyntax.self) || expression.is(MemberAccessExprSyntax.self)
      || expression.is(FunctionCallExprSyntax.self)
    let effect = expression.is(TryExprSyntax.self)
    replace(
      expression,
      by: isSimple && !effect && expression.as(FunctionCallExprSyntax.self)?.trailingClosure == nil
        ? "!\(text)" : "!(\(text))")
  }

  override func visit(_ node: ConditionElementListSyntax) -> SyntaxVisitorContinueKind {
    let isGuard = node.parent?.is(GuardStmtSyntax.self) ?? false
    for element in node {
      guard case .expression(let expression) = element.condition else { continue }
      negate(expression)
      if node.count > 1 || isGuard { replace(expression, by: "true") }
    }
    return .visitChildren
  }

  override func visit(_ node: WhereClauseSyntax) -> SyntaxVisitorContinueKind {
    negate(node.condition)
    replace(node, by: "")
    return .visitChildren
  }

  override func visit(_ node: TernaryExprSyntax) -> SyntaxVisitorContinueKind {
    negate(node.condition)
    return .visitChildren
  }

  override func visit(_ node: PrefixOperatorExprSyntax) -> SyntaxVisitorContinueKind {
    if ["!", "-", "~"].contains(node.operator.text),
      !node.expression.is(IntegerLiteralExprSyntax.self)
    {
      replace(node, by: node.expression.trimmedDescription)
    }
    return .visitChildren
  }

  /// Closures that say yes or no.
  private static let tests: Set = [
    "filter", "contains", "first", "last", "firstIndex", "lastIndex", "allSatisfy", "removeAll",
    "drop", "prefix",
  ]

  // MARK: Operators

  static let operators: [String: [String]] = [
    "==": ["!="], "!=": ["=="], "===": ["!=="], "!==": ["==="],
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
    "&&": ["||"], "||": ["&&"],
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["/"],
    "&+": ["&-"], "&-": ["&+"], "<<": [">>"], ">>": ["<<"], "&<<": ["&>>"], "&>>": ["&<<"],
    "&": ["|"], "|": ["&"], "^": ["|"],
    "+=": ["-="], "-=": ["+="], "*=": ["/="], "&=": ["|="], "|=": ["&="], "<<=": [">>="],
    ">>=": ["<<="],
    "..<": ["..."], "...": ["..<"],
  ]

  override func visit(_ node: InfixOperatorExprSyntax) -> SyntaxVisitorContinueKind {
    let name = node.operator.trimmedDescription
    let isText = Self.isText(node.leftOperand) || Self.isText(node.rightOperand)
    if !(isText && (name == "+" || name == "+=")) {
      for other in Self.operators[name, default: []] { replace(node.operator, by: other) }
    }
    if name == "&&" || name == "||" {
      // Forgotten: the other side alone decides.
      replace(node, by: node.leftOperand.trimmedDescription)
      replace(node, by: node.rightOperand.trimmedDescription)
    }
    if name == "??" { replace(node, by: node.rightOperand.trimmedDescription) }
    return .visitChildren
  }

  /// Texts and lists are added, but there is no difference of them.
  private static func isText(_ expression: ExprSyntax) -> Bool {
    if expression.is(StringLiteralExprSyntax.self) || expression.is(ArrayExprSyntax.self) {
      return true
    }
    guard let infix = expression.as(InfixOperatorExprSyntax.self) else { return false }
    return isText(infix.leftOperand) || isText(infix.rightOperand)
  }

  // MARK: Names

  /// Functions and properties that are mistaken for each other.
  private static let names: [String: [String]] = [
    "union": ["intersection"], "intersection": ["union"], "subtracting": ["union", "intersection"],
    "symmetricDifference": ["union"],
    "formUnion": ["formIntersection"], "formIntersection": ["formUnion"],
    "subtract": ["formUnion"],
    "insert": ["remove"], "remove": ["insert"],
    "first": ["last"], "last": ["first"], "firstIndex": ["lastIndex"], "lastIndex": ["firstIndex"],
    "min": ["max"], "max": ["min"], "dropFirst": ["dropLast"], "dropLast": ["dropFirst"],
    "prefix": ["suffix"], "suffix": ["prefix"], "hasPrefix": ["hasSuffix"],
    "hasSuffix": ["hasPrefix"], "removeFirst": ["removeLast"], "removeLast": ["removeFirst"],
    "isSubset": ["isSuperset"], "isSuperset": ["isSubset"],
    "leadingZeroBitCount": ["trailingZeroBitCount"],
    "trailingZeroBitCount": ["leadingZeroBitCount"],
    "lowerBound": ["upperBound"], "upperBound": ["lowerBound"],
  ]

  /// Functions that give back something like what they are called on: it can be forgotten to call them.
  private static let transformations: Set = [
    "filter", "union", "intersection", "subtracting", "sorted", "reversed", "dropFirst", "dropLast",
    "prefix", "suffix", "drop",
  ]

  override func visit(_ node: MemberAccessExprSyntax) -> SyntaxVisitorContinueKind {
    let name = node.declName.baseName.text
    if node.base == nil {
      let isCalled = node.parent?.is(FunctionCallExprSyntax.self) ?? false
      if !isCalled, !node.isInPattern, let sibling = cases.sibling(of: name) {
        replace(node, by: ".\(sibling)")
      }
    } else {
      for other in Self.names[name, default: []] { replace(node.declName.baseName, by: other) }
    }
    return .visitChildren
  }

  override func visit(_ node: FunctionCallExprSyntax) -> SyntaxVisitorContinueKind {
    guard !Self.isLeftAlone(node) else { return .skipChildren }
    if let name = node.calledExpression.as(DeclReferenceExprSyntax.self)?.baseName,
      node.arguments.count > 1
    {
      for other in Self.names[name.text, default: []] { replace(name, by: other) }
    }
    if let member = node.calledExpression.as(MemberAccessExprSyntax.self), let base = member.base {
      let name = member.declName.baseName.text
      if Self.transformations.contains(name) { replace(node, by: base.trimmedDescription) }
      if Self.tests.contains(name) {
        let closure =
          node.trailingClosure ?? node.arguments.first?.expression.as(ClosureExprSyntax.self)
        if let items = closure?.statements, items.count == 1,
          case .expr(let expression)? = items.first?.item
        {
          negate(expression)
        }
      }
    }
    return .visitChildren
  }

  // MARK: Literals

  override func visit(_ node: BooleanLiteralExprSyntax) -> SyntaxVisitorContinueKind {
    replace(node, by: node.literal.text == "true" ? "false" : "true")
    return .skipChildren
  }

  override func visit(_ node: IntegerLiteralExprSyntax) -> SyntaxVisitorContinueKind {
    let text = node.literal.text.filter { $0 != "_" }
    let prefixes = ["0x": 16, "0o": 8, "0b": 2]
    let radix = prefixes[String(text.prefix(2))] ?? 10
    let digits = radix == 10 ? text[...] : text.dropFirst(2)
    guard let value = Int(digits, radix: radix), value < Int.max else { return .skipChildren }
    let prefix = radix == 10 ? "" : String(text.prefix(2))
    replace(node, by: prefix + String(value + 1, radix: radix))
    if value > 0 { replace(node, by: prefix + String(value - 1, radix: radix)) }
    return .skipChildren
  }

  // MARK: Statements

  override func visit(_ node: CodeBlockItemListSyntax) -> SyntaxVisitorContinueKind {
    for item in node where canGo(item, of: node) { replace(item.item, by: "") }
    return .visitChildren
  }

  /// Whether a statement can be left out.
  private func canGo(_ item: CodeBlockItemSyntax, of list: CodeBlockItemListSyntax) -> Bool {
    let isAlone = list.count == 1
    switch item.item {
    case .decl: return false
    case .expr(let expression):
      // The only expression of a closure, or of a branch that has a value, is a result.
      if isAlone, !list.isOfStatement { return false }
      return Self.isEffect(expression)
    case .stmt(let statement):
      if statement.is(ContinueStmtSyntax.self) || statement.is(BreakStmtSyntax.self)
        || statement.is(ReturnStmtSyntax.self) || statement.is(ThrowStmtSyntax.self)
      {
        // It would not compile elsewhere: a guard must leave, a function return its result.
        return list.parent?.parent?.as(IfExprSyntax.self)?.elseBody == nil
          && list.parent?.parent?.is(IfExprSyntax.self) == true
      }
      return false
    }
  }

  private static func isEffect(_ expression: ExprSyntax) -> Bool {
    if let attempt = expression.as(TryExprSyntax.self) { return isEffect(attempt.expression) }
    if let call = expression.as(FunctionCallExprSyntax.self) {
      return !isLeftAlone(call) && !call.calledExpression.trimmedDescription.hasSuffix(".init")
    }
    if let chain = expression.as(OptionalChainingExprSyntax.self) {
      return isEffect(chain.expression)
    }
    guard let infix = expression.as(InfixOperatorExprSyntax.self) else { return false }
    let name = infix.operator.trimmedDescription
    return infix.operator.is(AssignmentExprSyntax.self)
      || name.last == "=" && !["==", "!=", "<=", ">=", "===", "!=="].contains(name)
  }

  override func visit(_ node: ContinueStmtSyntax) -> SyntaxVisitorContinueKind {
    replace(node.continueKeyword, by: "break")
    return .skipChildren
  }
}

extension CodeBlockItemListSyntax {
  /// Whether these are statements only, and nobody takes the value of the last one.
  fileprivate var isOfStatement: Bool {
    guard let owner = parent else { return false }
    if owner.is(ClosureExprSyntax.self) || owner.is(AccessorBlockSyntax.self) { return false }
    // The branches of `if` and `switch`, unless those are a value themselves.
    let branch = owner.is(SwitchCaseSyntax.self) ? owner.parent?.parent : owner.parent
    guard let branch else { return false }
    if let function = branch.as(FunctionDeclSyntax.self) {
      return function.signature.returnClause == nil
    }
    guard branch.is(IfExprSyntax.self) || branch.is(SwitchExprSyntax.self) else {
      return !branch.is(AccessorDeclSyntax.self)
    }
    return !branch.isValue
  }
}

extension SyntaxProtocol {
  /// Whether an `if` or a `switch` is an expression whose value is used.
  fileprivate var isValue: Bool {
    guard let parent else { return false }
    if let outer = parent.as(IfExprSyntax.self) { return outer.isValue }
    guard parent.is(ExpressionStmtSyntax.self) else { return true }
    guard let item = parent.parent, let list = item.parent?.as(CodeBlockItemListSyntax.self),
      list.count == 1
    else { return false }
    return list.isSingleExpression && !list.isOfStatement
      || list.parent?.parent?.as(FunctionDeclSyntax.self)?.signature.returnClause != nil
        && list.isSingleExpression
  }

  /// Whether it is what something is compared with in `case`.
  fileprivate var isInPattern: Bool {
    var node = parent
    while let current = node {
      if current.is(ExpressionPatternSyntax.self) { return true }
      if current.is(CodeBlockItemSyntax.self) { return false }
      node = current.parent
    }
    return false
  }
}
