/// The headings under which help and manual pages list options that several commands share.
enum OptionTitle {
  static let machine = "Which machine"
  static let rules = "Which rules"
  static let moving = "How queues are moved"
  static let output = "How results are printed"
  static let daemon = "Which daemon"
}
