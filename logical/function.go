package logical

import (
	"crypto/sha256"
	"crypto/sha512"
	"maps"
	"slices"
)

// Function is one of PostgreSQL's functions that compute a value of others.
type Function uint8

// signature is one of the functions of a name. What an argument becomes is one of params.
type signature struct {
	params []uint32
	result uint32
	// compute appends the value for arguments in canonical form, none of them NULL. It
	// is nil for what pgseal does not compute.
	compute func(c *call) ([]byte, error)
}

// call is what a function computes with and where to.
type call struct {
	dst  []byte
	args []Value // in canonical form, of the types of the signature
	Help
	s *Settings
}

// Help is what some functions compute with beside their arguments.
type Help struct {
	Fold  *Fold      // of those that Fold, and of the letters of words behind their first
	First *Fold      // of those that title, of the first letters
	Last  *LastRegex // what keeps a regular expression for the next row
}

func (c *call) text(i int) []byte { return c.args[i].Data }

func (c *call) int(i int) int64 { return canonicalInt(c.args[i].Data) }

// named are the functions of one name.
type named struct {
	name       string
	signatures []signature
	// any: of any number of values of any types, as they are shown; the first fixed of
	// them are texts.
	any   bool
	fixed int
	// arrays are the signatures of a function of arrays, and list says that it makes one of any
	// number of values.
	arrays onArrays
	list   bool
	// lenient: it takes NULLs.
	lenient bool
	// operator: it is none that can be called by its name.
	operator bool
	// collated: what it gives depends on the collation of its arguments.
	collated bool
}

var powers = []signature{only(OIDNumeric, power, OIDNumeric, OIDNumeric), only(OIDFloat8, powerOfFloats, OIDFloat8, OIDFloat8)}

func only(result uint32, compute func(*call) ([]byte, error), params ...uint32) signature {
	return signature{params, result, compute}
}

var functions = [...]named{
	{name: "lower", collated: true, signatures: []signature{only(OIDText, folded, OIDText)}},
	{name: "upper", collated: true, signatures: []signature{only(OIDText, folded, OIDText)}},
	{name: "initcap", collated: true, signatures: []signature{only(OIDText, titled, OIDText)}},
	{name: "btrim", signatures: trimming(trimLeft | trimRight)},
	{name: "ltrim", signatures: trimming(trimLeft)},
	{name: "rtrim", signatures: trimming(trimRight)},
	{name: "length", signatures: []signature{only(OIDInt4, lengthOf, OIDText), only(OIDInt4, lengthOf, OIDBpchar), only(OIDInt4, bytesOf, OIDBytea), only(OIDInt4, nil, OIDBit)}},
	{name: "char_length", signatures: []signature{only(OIDInt4, lengthOf, OIDText), only(OIDInt4, lengthOf, OIDBpchar)}},
	{name: "character_length", signatures: []signature{only(OIDInt4, lengthOf, OIDText), only(OIDInt4, lengthOf, OIDBpchar)}},
	{name: "left", signatures: []signature{only(OIDText, left, OIDText, OIDInt4)}},
	{name: "right", signatures: []signature{only(OIDText, right, OIDText, OIDInt4)}},
	{name: "substr", signatures: []signature{only(OIDText, substring, OIDText, OIDInt4), only(OIDText, substring, OIDText, OIDInt4, OIDInt4)}},
	{name: "substring", signatures: []signature{
		only(OIDText, substring, OIDText, OIDInt4), only(OIDText, substring, OIDText, OIDInt4, OIDInt4),
		only(OIDText, nil, OIDText, OIDText), only(OIDText, nil, OIDText, OIDText, OIDText),
	}},
	{name: "overlay", signatures: []signature{
		only(OIDText, overlaid, OIDText, OIDText, OIDInt4), only(OIDText, overlaid, OIDText, OIDText, OIDInt4, OIDInt4),
		only(OIDBytea, nil, OIDBytea, OIDBytea, OIDInt4), only(OIDBytea, nil, OIDBytea, OIDBytea, OIDInt4, OIDInt4),
		only(OIDBit, nil, OIDBit, OIDBit, OIDInt4), only(OIDBit, nil, OIDBit, OIDBit, OIDInt4, OIDInt4),
	}},
	{name: "replace", collated: true, signatures: []signature{only(OIDText, replace, OIDText, OIDText, OIDText)}},
	{name: "regexp_replace", collated: true, signatures: []signature{
		only(OIDText, replaceRegex, OIDText, OIDText, OIDText), only(OIDText, replaceRegex, OIDText, OIDText, OIDText, OIDText),
		only(OIDText, nil, OIDText, OIDText, OIDText, OIDInt4),
	}},
	{name: "split_part", collated: true, signatures: []signature{only(OIDText, splitPart, OIDText, OIDText, OIDInt4)}},
	{name: "lpad", signatures: []signature{only(OIDText, padLeft, OIDText, OIDInt4), only(OIDText, padLeft, OIDText, OIDInt4, OIDText)}},
	{name: "rpad", signatures: []signature{only(OIDText, padRight, OIDText, OIDInt4), only(OIDText, padRight, OIDText, OIDInt4, OIDText)}},
	{name: "reverse", signatures: []signature{only(OIDText, reverse, OIDText)}},
	{name: "repeat", signatures: []signature{only(OIDText, repeated, OIDText, OIDInt4)}},
	{name: "translate", signatures: []signature{only(OIDText, translated, OIDText, OIDText, OIDText)}},
	{name: "ascii", signatures: []signature{only(OIDInt4, firstCode, OIDText)}},
	{name: "chr", signatures: []signature{only(OIDText, character, OIDInt4)}},
	{name: "octet_length", signatures: []signature{only(OIDInt4, storedBytes(1), OIDText), only(OIDInt4, storedBytes(1), OIDBpchar), only(OIDInt4, bytesOf, OIDBytea), only(OIDInt4, nil, OIDBit)}},
	{name: "bit_length", signatures: []signature{only(OIDInt4, storedBytes(8), OIDText), only(OIDInt4, nil, OIDBytea), only(OIDInt4, nil, OIDBit)}},
	{name: "md5", signatures: []signature{only(OIDText, md5Of, OIDText), only(OIDText, md5Of, OIDBytea)}},
	{name: "sha224", signatures: digesting(func(b []byte) []byte { d := sha256.Sum224(b); return d[:] })},
	{name: "sha256", signatures: digesting(func(b []byte) []byte { d := sha256.Sum256(b); return d[:] })},
	{name: "sha384", signatures: digesting(func(b []byte) []byte { d := sha512.Sum384(b); return d[:] })},
	{name: "sha512", signatures: digesting(func(b []byte) []byte { d := sha512.Sum512(b); return d[:] })},
	{name: "encode", signatures: []signature{only(OIDText, encoded, OIDBytea, OIDText)}},
	{name: "strpos", collated: true, signatures: []signature{only(OIDInt4, position, OIDText, OIDText)}},
	{name: "position", collated: true, signatures: []signature{only(OIDInt4, position, OIDText, OIDText)}},
	{name: "starts_with", collated: true, signatures: []signature{only(OIDBool, startsWith, OIDText, OIDText)}},
	{name: "like_escape", signatures: []signature{only(OIDText, likeEscape, OIDText, OIDText), only(OIDBytea, nil, OIDBytea, OIDBytea)}},
	{name: "similar_to_escape", signatures: []signature{only(OIDText, similarToEscape, OIDText), only(OIDText, similarToEscape, OIDText, OIDText)}},
	{name: "concat", any: true},
	{name: "concat_ws", any: true, fixed: 1},
	{name: "format", any: true, fixed: 1},
	{name: "quote_literal", signatures: []signature{only(OIDText, quoted, OIDText)}}, // that of anyelement takes what is not cast to text
	{name: "abs", signatures: []signature{
		only(OIDInt2, absolute, OIDInt2), only(OIDInt4, absolute, OIDInt4), only(OIDInt8, absolute, OIDInt8),
		only(OIDNumeric, absolute, OIDNumeric), only(OIDFloat4, absolute, OIDFloat4), only(OIDFloat8, absolute, OIDFloat8),
	}},
	{name: "round", signatures: append(rounding(roundNumber, roundFloat), only(OIDNumeric, roundNumber, OIDNumeric, OIDInt4))},
	{name: "trunc", signatures: append(rounding(truncateNumber, truncateFloat), only(OIDNumeric, truncateNumber, OIDNumeric, OIDInt4))},
	{name: "ceil", signatures: rounding(ceilNumber, ceilFloat)},
	{name: "ceiling", signatures: rounding(ceilNumber, ceilFloat)},
	{name: "floor", signatures: rounding(floorNumber, floorFloat)},
	{name: "mod", signatures: []signature{
		only(OIDInt2, modulo, OIDInt2, OIDInt2), only(OIDInt4, modulo, OIDInt4, OIDInt4), only(OIDInt8, modulo, OIDInt8, OIDInt8), only(OIDNumeric, modulo, OIDNumeric, OIDNumeric),
	}},
	{name: "sign", signatures: rounding(signNumber, signFloat)},
	{name: "sqrt", signatures: rounding(rootNumber, rootFloat)},
	{name: "exp", signatures: rounding(powerOfE, nil)},
	{name: "ln", signatures: rounding(logNumber, nil)},
	{name: "log", signatures: append(rounding(logOfBase, nil), only(OIDNumeric, logOfBase, OIDNumeric, OIDNumeric))},
	{name: "log10", signatures: rounding(logOfBase, nil)},
	{name: "power", signatures: powers},
	{name: "pow", signatures: powers},
	{name: "degrees", signatures: []signature{only(OIDFloat8, toDegrees, OIDFloat8)}},
	{name: "radians", signatures: []signature{only(OIDFloat8, toRadians, OIDFloat8)}},
	{name: "div", signatures: []signature{only(OIDNumeric, wholeQuotient, OIDNumeric, OIDNumeric)}},
	{name: "gcd", signatures: ofWhole(greatestDivisor)},
	{name: "lcm", signatures: ofWhole(leastMultiple)},
	{name: "factorial", signatures: []signature{only(OIDNumeric, factorial, OIDInt8)}},
	{name: "scale", signatures: []signature{only(OIDInt4, scaleOf, OIDNumeric)}},
	{name: "min_scale", signatures: []signature{only(OIDInt4, leastScaleOf, OIDNumeric)}},
	{name: "trim_scale", signatures: []signature{only(OIDNumeric, trimScale, OIDNumeric)}},
	{name: "width_bucket", signatures: []signature{ // and one of two arguments, a value and an array
		only(OIDInt4, bucketOfNumber, OIDNumeric, OIDNumeric, OIDNumeric, OIDInt4), only(OIDInt4, bucketOfFloat, OIDFloat8, OIDFloat8, OIDFloat8, OIDInt4),
	}},
	{name: "to_hex", signatures: []signature{only(OIDText, hexOf, OIDInt4), only(OIDText, hexOf, OIDInt8)}},
	{name: "extract", signatures: parts(OIDNumeric, extract)},
	{name: "date_part", signatures: parts(OIDFloat8, datePart)},
	{name: "timezone", signatures: []signature{
		only(OIDTimestamp, atZone, OIDText, OIDTimestamptz), only(OIDTimestamptz, atZone, OIDText, OIDTimestamp), only(OIDTimetz, nil, OIDText, OIDTimetz),
		only(OIDTimestamp, nil, OIDInterval, OIDTimestamptz), only(OIDTimestamptz, nil, OIDInterval, OIDTimestamp), only(OIDTimetz, nil, OIDInterval, OIDTimetz),
	}},
	{name: "to_char", signatures: []signature{
		only(OIDText, timeText, OIDTimestamp, OIDText), only(OIDText, timeText, OIDTimestamptz, OIDText), only(OIDText, nil, OIDInterval, OIDText),
		only(OIDText, numberText, OIDInt4, OIDText), only(OIDText, numberText, OIDInt8, OIDText), only(OIDText, numberText, OIDNumeric, OIDText),
		only(OIDText, numberText, OIDFloat4, OIDText), only(OIDText, numberText, OIDFloat8, OIDText),
	}},
	{name: "date", signatures: []signature{only(OIDDate, dayOf, OIDDate), only(OIDDate, dayOf, OIDTimestamp), only(OIDDate, dayOf, OIDTimestamptz)}},
	{name: "age", signatures: []signature{
		only(OIDInterval, age, OIDTimestamp, OIDTimestamp), only(OIDInterval, age, OIDTimestamptz, OIDTimestamptz),
		only(OIDInterval, nil, OIDTimestamp), only(OIDInterval, nil, OIDTimestamptz), // until today
	}},
	{name: "justify_days", signatures: justifying(true, false)},
	{name: "justify_hours", signatures: justifying(false, true)},
	{name: "justify_interval", signatures: justifying(true, true)},
	{name: "isfinite", signatures: []signature{
		only(OIDBool, isFinite, OIDDate), only(OIDBool, isFinite, OIDTimestamp), only(OIDBool, isFinite, OIDTimestamptz), only(OIDBool, isFinite, OIDInterval),
	}},
	{name: "make_date", signatures: []signature{only(OIDDate, makeDate, OIDInt4, OIDInt4, OIDInt4)}},
	{name: "to_timestamp", signatures: []signature{only(OIDTimestamptz, momentOf, OIDFloat8), only(OIDTimestamptz, nil, OIDText, OIDText)}},
	{name: "host", signatures: []signature{only(OIDText, hostOf, OIDInet)}},
	{name: "family", signatures: []signature{only(OIDInt4, ipVersion, OIDInet)}},
	{name: "masklen", signatures: []signature{only(OIDInt4, maskLength, OIDInet)}},
	{name: "jsonb_typeof", signatures: []signature{only(OIDText, kindName, OIDJSONB)}},
	{name: "json_typeof", signatures: []signature{only(OIDText, kindNameOfText, OIDJSON)}},
	{name: "json_array_length", signatures: []signature{only(OIDInt4, countElementsOfText, OIDJSON)}},
	{name: "jsonb_array_length", signatures: []signature{only(OIDInt4, countElements, OIDJSONB)}},
	{name: "jsonb_strip_nulls", signatures: []signature{only(OIDJSONB, withoutNulls, OIDJSONB), only(OIDJSONB, nil, OIDJSONB, OIDBool)}},
	{name: "jsonb_pretty", signatures: []signature{only(OIDText, indented, OIDJSONB)}},
	{name: "jsonb_set", signatures: []signature{
		only(OIDJSONB, setInDocument, OIDJSONB, OIDTextArray, OIDJSONB), only(OIDJSONB, setInDocument, OIDJSONB, OIDTextArray, OIDJSONB, OIDBool),
	}},
	{name: "array_length", arrays: ofArrays(false, only(OIDInt4, ofDimension(func(size, _ int32) int32 { return size }), anyArray, OIDInt4))},
	{name: "array_lower", arrays: ofArrays(false, only(OIDInt4, ofDimension(func(_, bound int32) int32 { return bound }), anyArray, OIDInt4))},
	{name: "array_upper", arrays: ofArrays(false, only(OIDInt4, ofDimension(func(size, bound int32) int32 { return bound + size - 1 }), anyArray, OIDInt4))},
	{name: "array_ndims", arrays: ofArrays(false, only(OIDInt4, countDimensions, anyArray))},
	{name: "array_dims", arrays: ofArrays(false, only(OIDText, showDimensions, anyArray))},
	{name: "cardinality", arrays: ofArrays(false, only(OIDInt4, countItems, anyArray))},
	{name: "array_append", lenient: true, arrays: ofArrays(false, only(anyArray, appendElement, anyArray, anyElement))},
	{name: "array_prepend", lenient: true, arrays: ofArrays(false, only(anyArray, prependElement, anyElement, anyArray))},
	{name: "array_cat", lenient: true, arrays: ofArrays(false, only(anyArray, concatenateArrays, anyArray, anyArray))},
	{name: "array_position", lenient: true, collated: true, arrays: ofArrays(false,
		only(OIDInt4, positionOf, anyArray, anyElement), only(OIDInt4, positionOf, anyArray, anyElement, OIDInt4))},
	{name: "array_positions", lenient: true, collated: true, arrays: ofArrays(false, only(OIDInt4Array, positionsOf, anyArray, anyElement))},
	{name: "array_remove", lenient: true, collated: true, arrays: ofArrays(false, only(anyArray, removeElement, anyArray, anyElement))},
	{name: "array_replace", lenient: true, collated: true, arrays: ofArrays(false, only(anyArray, replaceElement, anyArray, anyElement, anyElement))},
	{name: "array_to_string", lenient: true, arrays: ofArrays(true,
		only(OIDText, joinElements, anyArray, OIDText), only(OIDText, joinElements, anyArray, OIDText, OIDText))},
	{name: "||", operator: true, lenient: true, arrays: ofArrays(false,
		only(anyArray, concatenateArrays, anyArray, anyArray), only(anyArray, appendElement, anyArray, anyElement), only(anyArray, prependElement, anyElement, anyArray))},
	{name: "ARRAY[]", operator: true, lenient: true, list: true},
	{name: "[]", operator: true, arrays: ofArrays(false, only(anyElement, elementAt, anyArray, OIDInt4))},
	{name: "[:]", operator: true, arrays: ofArrays(false, only(anyArray, slice, anyArray, OIDInt4, OIDInt4))},
	{name: "date_trunc", signatures: []signature{
		only(OIDTimestamp, truncateTime, OIDText, OIDTimestamp), only(OIDTimestamptz, truncateTime, OIDText, OIDTimestamptz), only(OIDInterval, truncateInterval, OIDText, OIDInterval),
		only(OIDTimestamptz, nil, OIDText, OIDTimestamptz, OIDText),
	}},
}

// FunctionNamed finds the function by its name.
func FunctionNamed(name string) (Function, bool) {
	i := slices.IndexFunc(functions[:], func(n named) bool { return n.name == name && !n.operator })
	return Function(max(i, 0)), i >= 0
}

// FunctionNames are the names of all of them, and of all aggregates and window functions.
func FunctionNames() (all []string) {
	for i := range functions {
		if !functions[i].operator {
			all = append(all, functions[i].name)
		}
	}
	all = append(all, slices.Sorted(maps.Keys(aggregates))...)
	return append(all, slices.Sorted(maps.Keys(windowFunctions))...)
}

// String is the function's name.
func (f Function) String() string { return functions[f].name }

// Strict says whether the function is NULL if one of its arguments is.
func (f Function) Strict() bool { return !functions[f].any && !functions[f].lenient }

// OfAny says whether it takes any number of values of any types: those of its arguments that are not
// Texts have no type but their own.
func (f Function) OfAny() bool { return functions[f].any }

// Texts is how many of the arguments of a function that is OfAny are texts; the others, behind
// them, are of any types.
func (f Function) Texts() int { return functions[f].fixed }

// Collated says whether what it gives depends on the collation of its arguments, and
// Folds whether it does so by lower or upper.
func (f Function) Collated() bool { return functions[f].collated }

// Folds: see Collated.
func (f Function) Folds() bool { return f.String() == "lower" || f.String() == "upper" }

// Titles says whether it brings letters of a text into one case, and others into the other.
func (f Function) Titles() bool { return f.String() == "initcap" }

// MatchesFold says whether a call with so many arguments may match texts in upper and lower case.
func (f Function) MatchesFold(args int) bool { return f.String() == "regexp_replace" && args > 3 }

// Result is the type of what the function gives of arguments of types, 0 for one without
// a type; 0 where PostgreSQL has no such function, several, or one that pgseal does not
// compute.
func (f Function) Result(args []uint32) uint32 {
	if functions[f].any {
		if !f.takesAny(args) {
			return 0
		}
		return OIDText
	}
	if functions[f].list {
		return arrayOIDs[elementType(args)]
	}
	if s := f.on(args); s != nil && s.compute != nil {
		return s.result
	}
	return 0
}

// takesAny says whether a function of any types takes these: texts first, and at least one
// more, which only format does not need.
func (f Function) takesAny(args []uint32) bool {
	fixed := functions[f].fixed
	if len(args) < fixed || len(args) == fixed && f.String() != "format" {
		return false
	}
	for i, oid := range args {
		if oid != 0 && (!printed(oid) || i < fixed && familyOf(oid) != familyText) {
			return false
		}
	}
	return true
}

// Param is the type that an argument becomes, 0 if that is not known.
func (f Function) Param(args []uint32, i int) uint32 {
	if functions[f].any {
		if args[i] != 0 && i >= functions[f].fixed {
			return args[i]
		}
		return OIDText
	}
	if functions[f].list {
		return elementType(args)
	}
	if s := f.on(args); s != nil {
		return s.params[i]
	}
	return 0
}

// printed says whether values of a type are shown without settings that the server does
// not report.
func printed(oid uint32) bool {
	switch familyOf(oid) {
	case familyText, familyInt, familyNumeric, familyBool, familyDay:
		return true
	}
	return oid == OIDUUID
}

// maxSignatures is how many functions of one name there are at most.
const maxSignatures = 8

// on finds the function as PostgreSQL does: one that takes the types as they are, or
// else the one that takes most of them so, or else most of the types that are preferred
// where they have to be cast. It is nil if there is none, or not one alone.
func (f Function) on(args []uint32) *signature {
	if functions[f].arrays != nil {
		return functions[f].arrays.on(args)
	}
	all := functions[f].signatures
	var room [maxSignatures]int
	found := room[:0]
	for i := range all {
		if len(all[i].params) == len(args) && all[i].takes(args) {
			found = append(found, i)
		}
	}
	best := func(score func(param, arg uint32) bool) {
		most, kept := -1, found[:0]
		for _, i := range found {
			n := 0
			for k, p := range all[i].params {
				if score(p, args[k]) {
					n++
				}
			}
			if n > most {
				most, kept = n, kept[:0]
			}
			if n == most {
				kept = append(kept, i)
			}
		}
		found = kept
	}
	best(func(param, arg uint32) bool { return param == arg })
	if len(found) > 1 {
		best(func(param, arg uint32) bool { return param == arg || arg != 0 && preferred(param) })
	}
	if len(found) > 1 {
		best(func(param, arg uint32) bool { return arg == 0 && param == OIDText }) // a string
	}
	if len(found) != 1 {
		return nil
	}
	return &all[found[0]]
}

func (s *signature) takes(args []uint32) bool {
	for i, p := range s.params {
		if level, exact := castBetween(args[i], p); args[i] != 0 && args[i] != p && (level < castImplicit || !exact) {
			return false
		}
	}
	return true
}

// preferred says whether a type is the one of its category to which others are cast
// rather than to another.
func preferred(oid uint32) bool {
	switch oid {
	case OIDText, OIDFloat8, OIDTimestamptz, OIDInterval, OIDBool, OIDOid:
		return true
	}
	return false
}

// fewArguments is how many a function mostly has at most.
const fewArguments = 4

// Append appends what the function gives of arguments in canonical form, which have a
// type each; one without Data is NULL, and so is a value of nil. It changes args. The settings have UTF8 as the client's encoding.
func (f Function) Append(dst []byte, args []Value, with Help, s *Settings) ([]byte, error) {
	switch {
	case f.String() == "format":
		return fillIn(dst, args, s)
	case functions[f].any:
		return f.join(dst, args, s)
	case functions[f].list:
		return makeArray(dst, args)
	}
	var few [fewArguments]uint32
	types := few[:0]
	for i := range args {
		types = append(types, args[i].OID)
	}
	found := f.on(types)
	if found == nil || found.compute == nil {
		return dst, refuse("pgseal does not compute "+f.String()+" of values of these types", "Compute the value in the application.")
	}
	c := call{dst: dst, args: args, Help: with, s: s}
	for i, p := range found.params {
		if args[i].Data == nil {
			args[i].OID = p
			continue
		}
		data, err := args[i].as(p, s)
		if err != nil {
			return dst, err
		}
		args[i] = Value{Data: data, Binary: true, OID: p}
	}
	return found.compute(&c)
}

// join is concat or concat_ws.
func (f Function) join(dst []byte, args []Value, s *Settings) ([]byte, error) {
	var separator []byte
	if functions[f].fixed > 0 {
		if args[0].Data == nil {
			return nil, nil
		}
		var err error
		if separator, err = args[0].as(OIDText, s); err != nil {
			return dst, err
		}
		args = args[1:]
	}
	first := true
	for _, v := range args {
		if v.Data == nil {
			continue
		}
		if !first {
			dst = append(dst, separator...)
		}
		first = false
		var err error
		if dst, err = (Type{OID: v.OID, Typmod: -1}).AppendText(dst, v.Data, s); err != nil {
			return dst, err
		}
	}
	return dst, nil
}
