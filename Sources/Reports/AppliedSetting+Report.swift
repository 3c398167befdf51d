package import Reservation
package import JSONText

extension AppliedSetting {
  /// As JSON.
  package var json: JSONValue {
    JSONObject.make {
      $0.set("key", text: name)
      $0.set("value", text: value)
      $0.set("origin", text: origin)
    }
  }
}
