package logical

import "strings"

// checkParser reads the expression of a CHECK. The server writes it out with all
// brackets and casts, in a spelling that is always the same.
type checkParser struct {
	text  string
	base  Type
	depth int
}

// maxCheckDepth bounds how deeply expressions nest, because they are read by
// recursion.
const maxCheckDepth = 200

// check reads "CHECK (…)".
func (p *checkParser) check() (checkExpr, bool) {
	rest, ok := strings.CutPrefix(p.text, "CHECK ")
	if !ok || !strings.HasPrefix(rest, "(") {
		return checkExpr{}, false
	}
	p.text = rest
	e, ok := p.operand()
	return e, ok && p.text == ""
}

func (p *checkParser) take(s string) bool {
	rest, ok := strings.CutPrefix(p.text, s)
	if ok {
		p.text = rest
	}
	return ok
}

// expression reads what stands between brackets.
func (p *checkParser) expression() (checkExpr, bool) {
	if p.take("NOT ") {
		e, ok := p.operand()
		if !ok || e.kind != checkBool {
			return e, false
		}
		return e.then(checkBool, func(d datum) datum { return datum{truth: !d.truth} }), true
	}
	left, ok := p.operand()
	if !ok {
		return left, false
	}
	return p.operators(left)
}

// operators reads the operators behind an operand.
func (p *checkParser) operators(left checkExpr) (checkExpr, bool) {
	if p.take(" = ANY ") {
		return p.anyOf(left)
	}
	for _, op := range []string{"<>", "<=", ">=", "=", "<", ">"} {
		if p.take(" " + op + " ") {
			right, ok := p.operand()
			if !ok {
				return right, false
			}
			return left.comparison(op, right)
		}
	}
	for _, op := range []string{"!~~*", "!~~", "~~*", "~~", "!~*", "!~", "~*", "~"} {
		if p.take(" " + op + " ") {
			right, ok := p.operand()
			if !ok || left.kind != checkText || right.kind != checkText || !right.constant || left.blank {
				return right, false
			}
			return left.matching(op, right)
		}
	}
	return left, true
}

// anyOf reads the list of "x = ANY (ARRAY[…])".
func (p *checkParser) anyOf(left checkExpr) (checkExpr, bool) {
	depth := 0
	for p.take("(") {
		depth++
	}
	if !p.take("ARRAY[") {
		return checkExpr{}, false
	}
	var all []checkExpr
	for {
		e, ok := p.operand()
		if !ok {
			return e, false
		}
		one, ok := left.comparison("=", e)
		if !ok {
			return one, false
		}
		all = append(all, one)
		if p.take("]") {
			break
		}
		if !p.take(", ") {
			return checkExpr{}, false
		}
	}
	for depth > 0 {
		switch {
		case p.take(")"):
			depth--
		case p.take("::text[]"), p.take("::character varying[]"), p.take("::numeric[]"), p.take("::bigint[]"), p.take("::integer[]"):
		default:
			return checkExpr{}, false
		}
	}
	return anyTrue(all), true
}

func anyTrue(all []checkExpr) checkExpr {
	return checkExpr{kind: checkBool, value: func(canonical []byte) (datum, error) {
		for _, e := range all {
			if d, err := e.value(canonical); err != nil || d.truth {
				return d, err
			}
		}
		return datum{}, nil
	}}
}

func allTrue(all []checkExpr) checkExpr {
	return checkExpr{kind: checkBool, value: func(canonical []byte) (datum, error) {
		for _, e := range all {
			if d, err := e.value(canonical); err != nil || !d.truth {
				return d, err
			}
		}
		return datum{truth: true}, nil
	}}
}

// operand reads brackets, a constant, VALUE or a function, with casts behind.
func (p *checkParser) operand() (e checkExpr, ok bool) {
	if p.depth++; p.depth > maxCheckDepth {
		return e, false
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("("):
		if e, ok = p.expression(); !ok {
			return e, false
		}
		if e, ok = p.connected(e); !ok || !p.take(")") {
			return e, false
		}
	case p.take("VALUE"):
		if e, ok = valueExpr(p.base); !ok {
			return e, false
		}
	case p.take("true"):
		e = constantExpr(checkBool, datum{truth: true})
	case p.take("false"):
		e = constantExpr(checkBool, datum{})
	case strings.HasPrefix(p.text, "'"), strings.HasPrefix(p.text, "E'"):
		text, ok := p.quoted()
		if !ok {
			return e, false
		}
		return p.literal(text)
	case p.text != "" && (isDigit(p.text[0]) || p.text[0] == '-'):
		end := 1
		for end < len(p.text) && (isDigit(p.text[end]) || p.text[end] == '.') {
			end++
		}
		n, err := parseNumeric([]byte(p.text[:end]))
		if err != nil {
			return e, false
		}
		p.text = p.text[end:]
		e = constantExpr(checkNumber, datum{number: n})
	default:
		if e, ok = p.function(); !ok {
			return e, false
		}
	}
	return p.casts(e)
}

// connected reads AND or OR between expressions of one level.
func (p *checkParser) connected(first checkExpr) (checkExpr, bool) {
	all := []checkExpr{first}
	word := ""
	for {
		switch {
		case word != " OR " && p.take(" AND "):
			word = " AND "
		case word != " AND " && p.take(" OR "):
			word = " OR "
		default:
			switch {
			case word == "":
				return first, true
			case word == " AND ":
				return allTrue(all), true
			}
			return anyTrue(all), true
		}
		next, ok := p.operand()
		if !ok || next.kind != checkBool || first.kind != checkBool {
			return next, false
		}
		all = append(all, next)
	}
}

// quoted reads a string.
func (p *checkParser) quoted() (string, bool) {
	escape := p.take("E")
	s := p.text[1:]
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case escape && s[i] == '\\':
			// The server doubles backslashes and writes nothing else with them.
			if i++; i >= len(s) || s[i] != '\\' {
				return "", false
			}
			b.WriteByte('\\')
		case s[i] != '\'':
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '\'':
			b.WriteByte('\'')
			i++
		default:
			p.text = s[i+1:]
			return b.String(), true
		}
	}
	return "", false
}

// literal reads the cast behind a string, which says what it is.
func (p *checkParser) literal(text string) (checkExpr, bool) {
	name, ok := p.typeName()
	if !ok {
		return checkExpr{}, false
	}
	switch name {
	case "text", "character varying":
		return p.casts(constantExpr(checkText, datum{text: []byte(text)}))
	case "bpchar", "character":
		e := constantExpr(checkText, datum{text: []byte(text)})
		e.blank = true
		return p.casts(e)
	case "numeric", "integer", "bigint", "smallint":
		n, err := parseNumeric([]byte(text))
		if err != nil {
			return checkExpr{}, false
		}
		return p.casts(constantExpr(checkNumber, datum{number: n}))
	case "double precision":
		f, err := parseFloat([]byte(text), 64)
		if err != nil {
			return checkExpr{}, false
		}
		return p.casts(constantExpr(checkFloat, datum{float: f}))
	case "date", "timestamp without time zone":
		// Only what means the same in every DateStyle.
		v, ok := parseISO([]byte(text))
		if !ok || v.hasOffset || v.hasTime && name == "date" {
			return checkExpr{}, false
		}
		if name == "date" {
			return constantExpr(checkDay, datum{when: int64(dayNumber(v.year, v.month, v.day))}), true
		}
		t, ok := v.micros(0)
		return constantExpr(checkInstant, datum{when: t}), ok
	}
	if d := p.base.Def; d != nil && d.isEnum && (name == d.codec.name || name == QuoteName(d.Schema)+"."+d.codec.name) {
		return constantExpr(checkText, datum{text: []byte(text)}), true
	}
	return checkExpr{}, false
}

// typeName reads "::name".
func (p *checkParser) typeName() (string, bool) {
	if !p.take("::") {
		return "", false
	}
	for _, name := range []string{"character varying", "double precision", "timestamp without time zone"} {
		if p.take(name) {
			return name, !strings.HasPrefix(p.text, "[]") && !strings.HasPrefix(p.text, "(")
		}
	}
	end := 0
	for end < len(p.text) && (isAlnum(p.text[end]) || p.text[end] == '_' || p.text[end] == '.' || p.text[end] == '"') {
		end++
	}
	name := p.text[:end]
	p.text = p.text[end:]
	return name, name != "" && !strings.HasPrefix(p.text, "[]") && !strings.HasPrefix(p.text, "(")
}

// casts reads the casts behind an operand, of which few change nothing that
// matters here.
func (p *checkParser) casts(e checkExpr) (checkExpr, bool) {
	for strings.HasPrefix(p.text, "::") {
		name, ok := p.typeName()
		if !ok {
			return e, false
		}
		switch {
		case e.kind == checkText && e.blank && name == "text":
			e = e.then(checkText, func(d datum) datum { return datum{text: trimBlanks(d.text)} })
		case e.kind == checkText && (name == "text" || name == "character varying" && !e.blank),
			e.kind == checkNumber && (name == "numeric" || name == "bigint" || name == "integer") && (e.constant || name == "numeric"):
		case e.kind == checkNumber && name == "double precision" && e.constant:
			d, _ := e.value(nil)
			f, err := d.number.float(64)
			if err != nil {
				return e, false
			}
			e = constantExpr(checkFloat, datum{float: f})
		case e.kind == checkFloat && name == "double precision":
		default:
			return e, false
		}
	}
	return e, true
}

// function reads a function of one argument.
func (p *checkParser) function() (checkExpr, bool) {
	p.take("pg_catalog.")
	for _, name := range []string{"char_length", "character_length", "length", "octet_length"} {
		if !p.take(name + "(") {
			continue
		}
		e, ok := p.operand()
		if !ok || e.kind != checkText || !p.take(")") {
			return e, false
		}
		blank := e.blank
		return e.then(checkNumber, func(d datum) datum {
			switch {
			case name == "octet_length":
				return datum{number: numberOfInt(int64(len(d.text)))}
			case blank:
				return characters(trimBlanks(d.text))
			}
			return characters(d.text)
		}), true
	}
	return checkExpr{}, false
}
