import APBus

/// A set of APQNs: bands of adapters that have the same domains.
///
/// No adapter is in two bands; an adapter in none has no domain. That form is closed under complement
/// and intersection and stays small: a clause on adapters and domains is one band, a glob on queue
/// names a few.
struct Shape {
  /// Adapters with the same domains, neither empty.
  struct Band: Hashable {
    var adapters: APMask
    var domains: APMask
  }

  var bands: [Band]

  static let all = Shape(adapters: .all, domains: .all)

  init(adapters: APMask, domains: APMask) {
    bands = adapters.isEmpty || domains.isEmpty ? [] : [Band(adapters: adapters, domains: domains)]
  }

  /// The union of rectangles that may overlap. The more there are, the more often they share
  /// adapters: a few are laid over each other one by one, many are collected row by row.
  init(unionOf rectangles: [Band]) {
    bands = []
    if rectangles.count <= 16 {
      for rectangle in rectangles { formUnion(rectangle) }
      return
    }
    var rows = [APMask](repeating: APMask(), count: 256)
    for rectangle in rectangles {
      for adapter in rectangle.adapters { rows[Int(adapter)].formUnion(rectangle.domains) }
    }
    var adaptersByDomains: [APMask: APMask] = [:]
    for adapter in UInt8.min...UInt8.max where !rows[Int(adapter)].isEmpty {
      adaptersByDomains[rows[Int(adapter)], default: APMask()].insert(adapter)
    }
    bands = adaptersByDomains.map { Band(adapters: $0.value, domains: $0.key) }
  }

  private mutating func formUnion(_ rectangle: Band) {
    var rest = rectangle.adapters
    for index in bands.indices {
      let common = bands[index].adapters.intersection(rest)
      guard !common.isEmpty else { continue }
      rest.subtract(common)
      let domains = bands[index].domains.union(rectangle.domains)
      let others = bands[index].adapters.subtracting(common)
      if !others.isEmpty { bands.append(Band(adapters: others, domains: bands[index].domains)) }
      bands[index] = Band(adapters: common, domains: domains)
    }
    if !rest.isEmpty { bands.append(Band(adapters: rest, domains: rectangle.domains)) }
  }

  /// The queues of which a clause on numbers is true; nil for a clause on anything else.
  init?(_ clause: Clause) {
    let shape: Shape
    switch clause.condition {
    case .adapter(let ranges): shape = Shape(adapters: APMask(ranges), domains: .all)
    case .domain(let ranges): shape = Shape(adapters: .all, domains: APMask(ranges))
    case .apqn(let ranges): shape = Shape(ranges)
    case .kernel(let pattern): shape = Shape(queueNames: pattern)
    default: return nil
    }
    self = clause.isNegated ? shape.complement : shape
  }

  /// The union of the queues that an `APQN` clause names.
  init(_ ranges: [APQNRange]) {
    if ranges.count == 1 {
      self.init(adapters: APMask(ranges[0].adapters), domains: APMask(ranges[0].domains))
    } else {
      self.init(
        unionOf: ranges.map {
          Band(adapters: APMask($0.adapters), domains: APMask($0.domains))
        })
    }
  }

  var complement: Shape {
    var rest = APMask.all
    var result: [Band] = []
    for band in bands {
      rest.subtract(band.adapters)
      let domains = band.domains.complement
      if !domains.isEmpty { result.append(Band(adapters: band.adapters, domains: domains)) }
    }
    if !rest.isEmpty { result.append(Band(adapters: rest, domains: .all)) }
    return Shape(bands: result)
  }

  func intersection(_ other: Shape) -> Shape {
    var result: [Band] = []
    for left in bands {
      for right in other.bands {
        let adapters = left.adapters.intersection(right.adapters)
        let domains = left.domains.intersection(right.domains)
        if !adapters.isEmpty && !domains.isEmpty {
          result.append(Band(adapters: adapters, domains: domains))
        }
      }
    }
    return Shape(bands: result)
  }

  func subtracting(_ other: Shape) -> Shape { intersection(other.complement) }

  mutating func formUnion(_ other: Shape) {
    for band in other.bands { formUnion(band) }
  }

  private init(bands: [Band]) {
    self.bands = bands
  }
}

extension APMask {
  /// The numbers of all the ranges.
  init(_ ranges: [ClosedRange<UInt8>]) {
    self.init()
    for range in ranges { formUnion(APMask(range)) }
  }
}
