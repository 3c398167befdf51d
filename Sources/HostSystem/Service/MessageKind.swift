/// The kinds of messages, each with the number under which the journal's catalogue explains it
/// (`packaging/apreserve.catalog`). A number never changes its meaning.
package enum MessageKind: String, CaseIterable, Sendable {
  /// The daemon has started and looks at the machine.
  case started = "0ef509707b1d23183b8d6e88f3b36608"
  /// The first reconciliation is done.
  case ready = "9be9efef1ab0d2170595692944842b60"
  /// The daemon stops.
  case stopping = "0915b3cb6d523973ab3bd7dd369f8011"
  /// The daemon stops before everything is done.
  case left = "1f6a3a0c9b544f5e8d0b2c7e61d4a983"
  /// The mechanism was chosen.
  case mechanism = "d9ceb76e6c95d61d8fda123238888750"
  /// Queues were moved.
  case moved = "ed6e60478b0a8c6189b8b19dc4157ba1"
  /// The kernel refused a write.
  case writeRefused = "41d2759ed908b5c6a2a30ba68e0b6166"
  /// An operation failed.
  case failed = "291960b9f308a6fe86ac06ab0f40f9bc"
  /// A request is refused.
  case refused = "4ce1046dfd043df11f2250bec270b25d"
  /// Queues wait for a driver.
  case waiting = "d929d78bbb40ecc0806fc076a8d6bc9f"
  /// There is no AP bus.
  case withoutBus = "74b8c23c7f95329a2e471d4016de8576"
  /// The AP bus has not been scanned yet.
  case beforeFirstScan = "a64bed7c27ee04df77d61aa1debe13e0"
  /// Nothing can be decided.
  case problem = "6c05556a407b134c9608b138b148567b"
  /// A write takes long.
  case longWrite = "2bd365d6771fa15977078ae20b06c493"
  /// Events were lost.
  case overrun = "851893f1fe79a0a508302a62db2d7bcf"
  /// Rules were loaded.
  case rulesLoaded = "1b59a6614d98e84388b6c1877e010ca7"
  /// The rules have errors.
  case rulesRefused = "34fcf9975da10820b0dc2732f905cd90"
  /// The rules in force cannot be kept for later, or those that were kept cannot be used.
  case ruleArchive = "c1d35b0e6f7e4c0f9a58a1d3f2b6e744"
  /// The host has another name than before.
  case hostRenamed = "8f5a41c7d2be4b6e9d0c37a2e1f4b590"
  /// There are no rules any more.
  case rulesEmptied = "659d000ec2f522b2faf9760b102dd244"
  /// The configuration has errors.
  case configuration = "0bb102c88dc2cfa9d93785686ad5babc"
  /// Another program holds the lock of the AP configuration.
  case lockHeld = "e0fed31c8b6da13f1541ba067be71f90"
  /// Requests cannot be served.
  case control = "9a0cb2cb4a21ebede890beba3585b6a0"
  /// Messages were left out.
  case suppressed = "74308f265723227233a7b4d65708408a"
  /// The record of what is reserved cannot be read.
  case recordDamaged = "996eb77f9057261743ba4923c3a35895"
  /// Somebody else moved queues.
  case movedByOthers = "35d847311b55fe38728038d6cb18324d"
  /// Queues came and were taken from the host unasked.
  case takenOnArrival = "eaf209fb8206465ca02d94bcb37d8f28"
  /// Something should be known of what was planned.
  case warned = "1674477a1a4b03d20abd67d8a188f52b"
  /// A queue finishes its requests first.
  case draining = "6f2924c99a8756c314553762f531034a"
  /// Queues were reserved after vfio_ap had been loaded.
  case lateStart = "af39f99caaea03b79a0ea71eafafee35"

  /// Files of apreserve that others could write to or lock were mended.
  case repaired = "b1d4c9f07e6a4e0c9a52d3187f60c2ab"

  /// The journal's MESSAGE_ID: 32 hex digits.
  package var identifier: String { rawValue }
}
