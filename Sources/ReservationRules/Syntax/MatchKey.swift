package import APBus

/// A key that rules match with: how its value is written, and what of a machine the value is compared
/// with.
///
/// A key is known by its identity. Reader, evaluation, diagnostics, explanations, generated rules and
/// the tests of the manual page take all that is special to one key from its definition in
/// `MatchKey.all`.
package final class MatchKey: Sendable {
  package let name: String
  /// The names that can follow in braces, as in `CARD{serialnr}`; nil for a key that
  /// takes none.
  let attributes: Attributes?
  let grammar: ValueGrammar
  let subject: Subject
  /// Clauses with the key that are valid and contradict nothing: for generated rules and the tests.
  package let examples: [String]
  /// For a key on the kind of a card, the kinds by what is found of them.
  let kinds: ValueIndex<CardKinds>?

  init(
    _ name: String, attributes: Attributes? = nil, grammar: ValueGrammar, subject: Subject,
    examples: [String]
  ) {
    self.name = name
    self.attributes = attributes
    self.grammar = grammar
    self.subject = subject
    self.examples = examples
    kinds = subject.kinds
  }

  /// The names that a key takes in braces.
  struct Attributes: Sendable {
    var names: [String]
    /// Whether the key can also be without.
    var isOptional = false
    /// Why an attribute that exists cannot be matched; nil for any other word.
    var refusal: @Sendable (String) -> RefusedWord?
  }

  /// What the value of a clause is compared with.
  enum Subject: Sendable {
    /// The number of the queue's adapter; known of every queue, present or not, as are the next two.
    case adapter
    /// The number of the queue's domain.
    case domain
    /// The queue's adapter and domain, or its name.
    case queue
    /// What follows from the hardware type and mode of the queue's card, with the reason to give if
    /// that is nothing.
    case cardKind(@Sendable (HardwareType, QueueMode?) -> FoundValue?, unknown: String)
    /// What is read of the queue's card; nil if it cannot be read now. The second parameter is the name in
    /// braces, such as `serialnr` in `CARD{serialnr}`; empty for a key that takes none.
    case card(@Sendable (Card, String) -> FoundValue?)
    /// What is known of the host, with the reason to give if that is nothing.
    case host(@Sendable (HostIdentity) -> FoundValue?, unknown: String)
    /// What is known of the definitions that assign the queue (`GuestAssignments`).
    case guest
    /// What is known of the current master key of the queue's domain (`MasterKeyValues`), of the kind in braces.
    case masterKey
  }
}

extension MatchKey: Hashable {
  package static func == (left: MatchKey, right: MatchKey) -> Bool { left === right }

  package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// How the value of a match key is written.
enum ValueGrammar: Sendable {
  /// Numbers and ranges of them.
  case numbers(NumberNotation)
  /// Adapters and domains as in sysfs: `05-07.0004`.
  case queues
  /// Words of a list. The noun and the code are for a word that is not in it.
  case words([String], noun: String, unknown: DiagnosticCode)
  /// Globs; the check finds one that can match nothing.
  case globs(GlobGrammar)
}

/// How numbers are written.
enum NumberNotation: Sendable {
  /// `0` to `9` plain, with `0x` from ten on: both people who think in decimal and people who think
  /// in hexadecimal numbers read the same.
  case hexadecimalFromTen
  /// Decimal. A range may lack its last number. For a word that is not a number the hint may give a
  /// sentence and what to write.
  case decimal(hint: @Sendable (String) -> (sentence: String, fix: String)?)

  var isDecimal: Bool {
    if case .decimal = self { true } else { false }
  }

  func text(_ number: some BinaryInteger) -> String {
    isDecimal || number < 10 ? "\(number)" : "0x" + Hex.text(number, digits: 2)
  }
}

/// What is special to the globs of one key.
struct GlobGrammar: Sendable {
  /// Whether the empty text can be matched.
  var mayBeEmpty = false
  /// Whether blanks can be matched.
  var mayHaveBlanks = false
  /// Why nothing matches a glob; nil for a glob that something may match. The parameters are the glob,
  /// its text, and the name in braces.
  var check: @Sendable (Glob, String, String) -> ImpossibleGlob?
}

/// The condition of a match clause: a key, and the value to compare with what is found.
package struct Condition: Hashable, Sendable {
  package var key: MatchKey
  /// The name in braces; empty for a key that takes none.
  package var attribute = ""
  package var pattern: ValuePattern

  package init(_ key: MatchKey, attribute: String = "", _ pattern: ValuePattern) {
    self.key = key
    self.attribute = attribute
    self.pattern = pattern
  }
}

/// The value of a match clause: alternatives, of which one suffices.
package enum ValuePattern: Hashable, Sendable {
  case numbers([ClosedRange<UInt8>])
  case queues([APQNRange])
  case words([String])
  case globs(GlobPattern)

  package func matches(_ found: FoundValue) -> Bool {
    switch (self, found) {
    case (.numbers(let ranges), .number(let number)): ranges.contains { $0.contains(number) }
    case (.queues(let ranges), .queue(let apqn)): ranges.contains { $0.contains(apqn) }
    case (.words(let words), .text(let text)): words.contains(text)
    case (.globs(let pattern), .text(let text)): pattern.matches(text)
    case (.globs(let pattern), .queue(let apqn)): pattern.matches(apqn.description)
    case (.globs(let pattern), .texts(let texts)): texts.contains { pattern.matches($0) }
    default: false
    }
  }
}

/// What is found on a machine, to be compared with the value of a clause.
package enum FoundValue: Hashable, Sendable {
  case number(UInt8)
  case queue(APQN)
  case text(String)
  /// Texts of which one must match.
  case texts([String])
}

extension MatchKey {
  /// What was found, as a rule would write it.
  func text(_ found: FoundValue) -> String {
    switch found {
    case .number(let number):
      if case .numbers(let notation) = grammar { notation.text(number) } else { "\(number)" }
    case .queue(let apqn): apqn.description
    case .text(let text): text
    case .texts(let texts): texts.joined(separator: "|")
    }
  }
}

/// One alternative of an `APQN` clause: `05-07.0004-00ff`.
package struct APQNRange: Hashable, Sendable {
  package var adapters: ClosedRange<UInt8>
  package var domains: ClosedRange<UInt8>

  package func contains(_ apqn: APQN) -> Bool {
    adapters.contains(apqn.adapter) && domains.contains(apqn.domain)
  }

  /// The queue, if it is a single one.
  package var singleQueue: APQN? {
    guard adapters.count == 1, domains.count == 1 else { return nil }
    return APQN(adapter: adapters.lowerBound, domain: domains.lowerBound)
  }
}

extension APMask {
  /// Numbers named outside of a rule, in the notation of the keys `ADAPTER` and `DOMAIN` with commas between them:
  /// `5,0x0a-0x0c`.
  package init(numbersIn text: String) throws(APQNPattern.SyntaxError) {
    try text.requireNoControlCharacter()
    let value = text.replacing(",", with: "|")
    let file = RuleFile(path: "", text: "ADAPTER==\"\(value)\", RESERVE=\"host\"")
    let (set, diagnostics) = RuleSet.parse(files: [file])
    if let diagnostic = diagnostics.first {
      throw APQNPattern.SyntaxError(
        diagnostic.message + (diagnostic.fix.map { "; write \($0)" } ?? ""))
    }
    guard let pattern = set.rules.first?.clauses.first?.condition.pattern else {
      throw APQNPattern.SyntaxError("\(text.printable) has no numbers")
    }
    self.init(pattern)
  }
}

/// Queues named outside of a rule, in the notation of the key `APQN`: `05.0004`, `05-07.*|*.0047`.
package struct APQNPattern: Hashable, Sendable {
  package let ranges: [APQNRange]

  /// The text names no queues.
  package struct SyntaxError: Error, Equatable, Sendable {
    /// The message that a rule with this value would get.
    package let sentence: String

    package init(_ sentence: String) {
      self.sentence = sentence
    }
  }

  package init(_ text: String) throws(SyntaxError) {
    try text.requireNoControlCharacter()
    let file = RuleFile(path: "", text: "APQN==\"\(text)\", RESERVE=\"host\"")
    let (set, diagnostics) = RuleSet.parse(files: [file])
    if let diagnostic = diagnostics.first { throw SyntaxError(diagnostic.message) }
    guard case .queues(let ranges)? = set.rules.first?.clauses.first?.condition.pattern else {
      ranges = []
      return
    }
    self.ranges = ranges
  }

  package func contains(_ apqn: APQN) -> Bool { ranges.contains { $0.contains(apqn) } }

  /// The queues that it names one by one.
  package var singleQueues: [APQN] { ranges.compactMap(\.singleQueue) }
}

extension String {
  /// Refuses characters that rules cannot have: the message about a rule names their place in its file.
  fileprivate func requireNoControlCharacter() throws(APQNPattern.SyntaxError) {
    guard !unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\t" || $0.value == 0x7f })
    else { throw APQNPattern.SyntaxError("there is a control character in it") }
  }
}
