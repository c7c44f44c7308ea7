package logical

import (
	"bytes"
	"unicode/utf8"
)

// numberField is what a part of a format for numbers writes.
type numberField uint8

const (
	fieldText numberField = iota // itself
	fieldNine
	fieldZero
	fieldPoint
	fieldComma
	fieldMinus // MI
	fieldPlus  // PL
	fieldSign  // SG
	fieldRoman
	fieldSmallRoman
	fieldOrdinal
	fieldSmallOrdinal
	// What follows writes nothing where it stands: it changes how others write, or
	// does nothing at all.
	fieldBrackets // PR
	fieldFill     // FM
	fieldBlank    // B
	fieldShift    // V
	fieldExponent // EEEE
	fieldNothing
	fieldLocale // what the server's locale decides on
)

// numberFields are the fields, in the order in which they are looked for. Except for RN
// and TH, those in lower case are the same.
var numberFields = [...]struct {
	name, small  string
	field, other numberField
}{
	{",", ",", fieldComma, fieldComma}, {".", ".", fieldPoint, fieldPoint},
	{"0", "0", fieldZero, fieldZero}, {"9", "9", fieldNine, fieldNine},
	{"B", "b", fieldBlank, fieldBlank}, {"C", "c", fieldNothing, fieldNothing},
	{"D", "d", fieldLocale, fieldLocale}, {"EEEE", "eeee", fieldExponent, fieldExponent},
	{"FM", "fm", fieldFill, fieldFill}, {"G", "g", fieldLocale, fieldLocale}, {"L", "l", fieldLocale, fieldLocale},
	{"MI", "mi", fieldMinus, fieldMinus}, {"PL", "pl", fieldPlus, fieldPlus}, {"PR", "pr", fieldBrackets, fieldBrackets},
	{"RN", "rn", fieldRoman, fieldSmallRoman},
	{"SG", "sg", fieldSign, fieldSign}, {"SP", "sp", fieldNothing, fieldNothing}, {"S", "s", fieldLocale, fieldLocale},
	{"TH", "th", fieldOrdinal, fieldSmallOrdinal}, {"V", "v", fieldShift, fieldShift},
}

// numberPiece is a field of a format, or a text that stands for itself.
type numberPiece struct {
	field numberField
	text  []byte
}

// numberFormat is a format for numbers, taken apart.
type numberFormat struct {
	pieces []numberPiece
	// Digits in front of the point, behind it, and behind V.
	whole, fraction, shifted int
	// The first 0 in front of the point, counted from 0, and up to where zeros stay.
	zeroFrom, zeroTo int

	zero, point, blank, fill, brackets, minus, plus, roman, shift, exponent bool

	others bool // there are fields that do not go with Roman numerals
}

// mostPlaces is how many digits a format has at most behind the point or behind V: the
// server's own limits for them are higher, and differ by type and version.
const mostPlaces = 300

// parseNumberFormat takes a format apart.
func parseNumberFormat(format []byte) (f numberFormat, err error) {
	for len(format) > 0 {
		if field, size := numberFieldOf(format); size > 0 {
			if err := f.add(field); err != nil {
				return f, err
			}
			format = format[size:]
			continue
		}
		var text []byte
		if format[0] == '"' {
			text, format = quotedText(format[1:])
		} else {
			if bytes.HasPrefix(format, []byte(`\"`)) {
				format = format[1:]
			}
			_, size := utf8.DecodeRune(format)
			text, format = format[:size], format[size:]
		}
		f.pieces = append(f.pieces, numberPiece{text: text})
	}
	if f.fraction > mostPlaces || f.shifted > mostPlaces {
		return f, refuse("pgseal does not write numbers with so many digits behind the point", "Write the number in the application.")
	}
	return f, nil
}

func numberFieldOf(format []byte) (field numberField, size int) {
	for _, n := range numberFields {
		switch {
		case bytes.HasPrefix(format, []byte(n.name)):
			return n.field, len(n.name)
		case bytes.HasPrefix(format, []byte(n.small)):
			return n.other, len(n.name)
		}
	}
	return 0, 0
}

// quotedText is what comes before the next quote, and what comes behind it. A backslash
// takes what follows as it is.
func quotedText(format []byte) (text, rest []byte) {
	for i := 0; i < len(format); i++ {
		switch c := format[i]; {
		case c == '"':
			return text, format[i+1:]
		case c == '\\' && i+1 < len(format):
			i++
		}
		text = append(text, format[i])
	}
	return text, nil
}

func formatError(message string) error { return newError(codeSyntaxError, message) }

// add takes one more field.
func (f *numberFormat) add(field numberField) error {
	isRoman := field == fieldRoman || field == fieldSmallRoman
	switch {
	case isRoman && (f.others || f.roman), f.roman && field != fieldFill: // versions of the server differ
		return refuse("pgseal writes Roman numerals only by themselves", "Use RN with no other field but FM.")
	case field == fieldLocale && !f.exponent:
		return refuse("pgseal does not know the signs for numbers of the server's locale", `Use "." and "," instead of D and G, and SG, MI or PL instead of S.`)
	case f.exponent && field != fieldExponent:
		return formatError(`"EEEE" must be the last pattern used`)
	}
	f.pieces = append(f.pieces, numberPiece{field: field})
	f.others = f.others || !isRoman && field != fieldFill
	switch field {
	case fieldNine, fieldZero:
		return f.addDigit(field == fieldZero)
	case fieldPoint:
		switch {
		case f.point:
			return formatError("multiple decimal points")
		case f.shift:
			return formatError(`cannot use "V" and decimal point together`)
		}
		f.point = true
	case fieldShift:
		if f.point {
			return formatError(`cannot use "V" and decimal point together`)
		}
		f.shift = true
	case fieldBrackets:
		if f.plus || f.minus {
			return formatError(`cannot use "PR" and "S"/"PL"/"MI"/"SG" together`)
		}
		f.brackets = true
	case fieldExponent:
		return f.addExponent()
	case fieldBlank:
		f.blank = f.blank || f.whole == 0 && f.fraction == 0 && !f.zero
	case fieldFill:
		f.fill = true
	case fieldRoman, fieldSmallRoman:
		f.roman = true
	case fieldMinus:
		f.minus = true
	case fieldPlus:
		f.plus = true
	case fieldSign:
		f.minus, f.plus = true, true
	}
	return nil
}

func (f *numberFormat) addDigit(zero bool) error {
	name := "9"
	if zero {
		name = "0"
	}
	switch {
	case f.brackets:
		return formatError(`"` + name + `" must be ahead of "PR"`)
	case f.shift && !zero:
		f.shifted++
		return nil
	case f.point:
		f.fraction++
	default:
		if zero && !f.zero {
			f.zero, f.zeroFrom = true, f.whole
		}
		f.whole++
	}
	if zero {
		f.zeroTo = f.whole + f.fraction
	}
	return nil
}

func (f *numberFormat) addExponent() error {
	switch {
	case f.exponent:
		return formatError(`cannot use "EEEE" twice`)
	case f.blank || f.fill || f.brackets || f.minus || f.plus || f.roman || f.shift:
		return &Error{Code: codeSyntaxError, Message: `"EEEE" is incompatible with other formats`,
			Detail: `"EEEE" may only be used together with digit and decimal point patterns.`}
	}
	f.exponent = true
	return nil
}
