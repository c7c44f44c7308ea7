package logical

// Citext defines the type of the extension of that name: text that is compared
// without regard to case. What the case of a letter is the locale of the database
// says, so there are no terms for it.
func Citext(id Identity) *Definition {
	d := newDefinition(id, "citext")
	d.fromText = true
	d.codec = textCodec
	d.codec.name, d.codec.ownEquality = QuoteName(id.Name), true
	return d
}
