/// Pieces of SVG.
enum SVGText {
    /// A text as it may stand between tags, cut to so many characters.
    static func escaped(_ text: String, widthMax: Int) -> String {
        let short = text.count > widthMax ? text.prefix(widthMax - 1) + "…" : text[...]
        return String(short).replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    }

    static let colours = [
        "#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e",
    ]
}

extension Double {
    /// A coordinate.
    var tenths: String { rounded(toPlaces: 1) }
}
