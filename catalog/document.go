package catalog

// Document is a JSON document that a query makes of sealed values, among others.
// The server puts each of them in as a string that only pgseal can have put there:
// it begins with the mark. pgseal then puts the value in the place of the string.
type Document struct {
	// Begins is the quotation mark and the mark. Behind it stand two hexadecimal
	// digits, the number of the part, the digits of the envelope, and a quotation
	// mark.
	Begins []byte
	Parts  []Part
}

// Part is what some of the sealed values in a document have in common.
type Part struct {
	Column *SealedColumn // as the type that the value has there
	Binary bool          // the function is one of jsonb, which writes values otherwise
}

// MaxParts bounds the parts of a document: their numbers have two digits.
const MaxParts = 256
