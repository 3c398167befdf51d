import APBus

extension OwnerMatrix.Mark {
  /// The character behind the owner's.
  var symbol: String {
    switch self {
    case .toVfioAP: "V"
    case .collateral: "c"
    case .toHost: "h"
    case .toNone: "-"
    case .refused: "!"
    case .waiting: "~"
    case .undecidable: "?"
    case .adopted: "*"
    case .absent: "+"
    }
  }

  /// What it means, for the legend.
  var meaning: String {
    switch self {
    case .toVfioAP: "to be moved to vfio_ap"
    case .collateral: "to be moved to vfio_ap as collateral, which no rule asks for"
    case .toHost: "to be moved to the host"
    case .toNone: "to be left unbound"
    case .refused: "request refused"
    case .waiting: "waiting for a driver"
    case .undecidable: "cannot be decided now"
    case .adopted: "not reserved by apreserve, so not given back"
    case .absent: "requested for guests, no such queue"
    }
  }

  /// Whether it says something that will not be as the rules want it.
  var isProblem: Bool { self == .refused || self == .undecidable }

  /// Whether it stands for a move, which has an arrow before it.
  var isMove: Bool { nextOwner != nil }

  /// Who has the queue after the move; nil for what is no move.
  var nextOwner: Owner? {
    switch self {
    case .toVfioAP, .collateral: .vfioAP
    case .toHost: .host
    case .toNone: Owner.none
    case .refused, .waiting, .undecidable, .adopted, .absent: nil
    }
  }
}

extension Owner {
  /// The character in a grid.
  var symbol: String {
    switch self {
    case .host: "h"
    case .vfioAP: "V"
    case .none: "-"
    }
  }

  /// What it means, for the legend.
  var meaning: String {
    switch self {
    case .host: "host"
    case .vfioAP: "vfio_ap"
    case .none: "unbound"
    }
  }
}

extension OwnerMatrix.Cell {
  /// Up to three characters: `h`, `h>V`, `h!`; empty where there is nothing.
  var symbol: String {
    let tail = mark.map { ($0.isMove ? ">" : "") + $0.symbol } ?? ""
    return (owner?.symbol ?? "") + tail
  }
}
