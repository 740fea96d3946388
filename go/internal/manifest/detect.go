package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// The format is that of most lines, and so is the separator of GNU lines: no single line
// decides how the others are read. To save time, the first lines decide alone if all lines
// can then be read.
// The two other limits bound the time that garbage takes.
const (
	firstLines  = 100
	maxDetected = 1_000_000 // lines
	maxTallied  = 64 << 20  // bytes
)

// choose sets the format, if the caller or the manifest's name says it, and the dialect.
func (m *Manifest) choose(options Options) error {
	algorithm, err := algorithmOfName(options.Name)
	if err != nil && options.Algorithm == nil {
		return err
	}
	m.dialect = dialect{
		algorithm: algorithm,
		literal:   m.content.delimiter == 0,
		file:      sidecarOf(options.Name),
		percent:   options.Percent,
		noDigests: options.NoDigests,
	}
	if options.Algorithm != nil {
		m.dialect.algorithm, m.dialect.forced = options.Algorithm, true
	}
	m.registry = isRegistry(options.Name)
	m.given = options.Format
	if m.given == nil {
		m.given = formatOfName(options.Name)
	}
	if m.dialect.forced && m.dialect.algorithm.Decimal {
		return m.chooseSum(options.Format)
	}
	return nil
}

// chooseSum sets the format to sum, because the caller's algorithm occurs in no other one.
func (m *Manifest) chooseSum(callers *Format) error {
	if callers == nil {
		m.given = FormatByName("sum")
	} else if callers.Name != "sum" && callers.Name != "list" {
		return &Error{Reason: fmt.Sprintf("the format %s has no %s checksums", callers.Name, m.dialect.algorithm.Name)}
	}
	return nil
}

// readDetected detects what is not known of the format, and parses all lines.
func (m *Manifest) readDetected(stopped *atomic.Bool) error {
	for lines := firstLines; ; lines = maxDetected {
		t := m.tally(lines, stopped)
		if t.best() == nil && !t.complete {
			t = m.tally(maxDetected, stopped)
		}
		changed, err := m.adopt(t)
		if err != nil {
			return err
		}
		if changed {
			m.read(stopped)
		}
		if m.BadLineCount == 0 || t.complete {
			return nil
		}
	}
}

// A tally counts the lines of each format.
type tally struct {
	manifest   *Manifest
	dialect    dialect // without a separator, and with the columns of a hashdeep file
	entry      Entry   // of the last line that was read
	lines      []int   // by the index in Formats
	dates      int     // lines of SFV that may be headings
	tags       int     // of the lines of the format gnu
	debian     bool    // the last field of a Debian control file lists files
	separators []separatorCount
	sums, crcs int   // the lines of the format sum, and those of them with more than 16 bits
	columns    error // why the columns of a hashdeep file are not known
	complete   bool  // more lines would make no difference, or are not looked at
}

// A separatorCount counts the lines with a separator.
type separatorCount struct {
	separator string
	lines     int
}

// tally counts the formats of the first lines.
func (m *Manifest) tally(lines int, stopped *atomic.Bool) *tally {
	t := &tally{manifest: m, dialect: m.dialect, lines: make([]int, len(Formats))}
	t.dialect.separator, t.dialect.columns, t.dialect.sum = "", nil, nil
	t.dialect.registry = m.registry
	if m.given != nil && !m.given.isTallied() {
		t.complete = true
		return t
	}
	looked, joined := 0, 0
	c := m.content
	c.more = nil
	for number, offset := range c.lines() {
		if looked == lines || int(offset) > maxTallied || stopped.Load() {
			t.complete = lines == maxDetected
			return t
		}
		looked++
		if joined > 0 {
			joined-- // this line belongs to one that was counted
			continue
		}
		if joined = t.addJoined(&c, offset); joined == 0 {
			t.add(number, c.single(offset))
		}
	}
	t.complete = true
	return t
}

// addJoined counts the lines at offset if they are, or clearly should be, an entry of a format
// that has several lines for each, or may have. It returns how many more lines belong to the
// first one.
func (t *tally) addJoined(c *content, offset uint32) (more int) {
	if sfvComment(c.single(offset)) {
		return 0
	}
	for i, f := range Formats {
		if f.more == nil {
			continue
		}
		c.more = f.more
		line, _, count := c.joined(offset)
		if count == 1 && f.detected {
			continue // add counts it
		}
		isClear := f.clear > 0 && count >= f.clear
		if t.isEntry(f, line) || isClear {
			t.lines[i] += count
			return count - 1
		}
	}
	return 0
}

// add counts a line for the first format that can read it.
func (t *tally) add(number int, line string) {
	if len(line) > MaxLine || sfvComment(line) {
		return
	}
	if line[0] == '%' {
		t.addHashdeepHeader(number, line)
	}
	if t.addDebian(line) {
		return
	}
	for i, f := range Formats {
		if !f.detected {
			continue
		}
		if !t.isEntry(f, line) {
			continue
		}
		if f.Name == "sfv" && endsInDate(line) {
			t.dates++
			return
		}
		t.lines[i]++
		switch {
		case f.isGNU():
			t.addSeparator(t.dialect.gnuSeparator(line))
		case f.Name == "sum":
			t.addSum(line)
		}
		return
	}
}

// isEntry reports whether a line is an entry of that format.
func (t *tally) isEntry(f *Format, line string) bool {
	err := f.parseLine(&t.dialect, line, 0, &t.entry)
	return err == nil || err == errUnsure && t.manifest.isFile(t.entry.Name)
}

// endsInDate reports whether a line of SFV ends in a date of our times, as a heading may:
// "Checksums of build 20261126". One CRC-32 in 60,000 looks like that.
func endsInDate(line string) bool {
	line = strings.TrimRight(line, " \t")
	date, err := time.Parse("20060102", line[len(line)-8:])
	return err == nil && 1970 <= date.Year() && date.Year() < 2070
}

// addDebian counts a line that could be one of several formats but is in a field of a Debian
// control file. It reports whether it did.
func (t *tally) addDebian(line string) bool {
	if line[0] != ' ' {
		if strings.HasSuffix(line, ":") || t.debian {
			t.debian = listsDebianSums(line, t.debian)
		}
		return false
	}
	if !t.debian {
		return false
	}
	if err := Formats[debianIndex].parseLine(&t.dialect, line, 0, &t.entry); err != nil {
		return false
	}
	t.lines[debianIndex]++
	return true
}

// addHashdeepHeader sets the columns if the line names them.
func (t *tally) addHashdeepHeader(number int, line string) {
	if len(t.dialect.columns) > 0 {
		return
	}
	if strings.HasPrefix(line, hashdeepMark) && t.columns == nil {
		t.columns = errNoColumns
	}
	if columns, found := strings.CutPrefix(line, hashdeepColumns); found {
		if err := t.dialect.setColumns(columns); err != nil {
			t.columns = &Error{Line: number, Reason: err.Error()}
		}
	}
}

// addSeparator counts a line of the format gnu with that separator, or a tag if it is "".
func (t *tally) addSeparator(separator string) {
	if separator == "" {
		t.tags++
		return
	}
	at := slices.IndexFunc(t.separators, func(c separatorCount) bool { return sameSeparator(c.separator, separator) })
	if at < 0 {
		at = len(t.separators)
		t.separators = append(t.separators, separatorCount{separator: separator})
	}
	t.separators[at].lines++
}

// best returns the format of most lines, the first in Formats if there are several, or nil
// if no line has a format.
func (t *tally) best() *Format {
	at := slices.Index(t.lines, slices.Max(t.lines))
	switch {
	case t.lines[at] == 0 && t.dates > 0:
		return FormatByName("sfv")
	case t.lines[at] == 0:
		return nil
	case Formats[at].isGNU() && 2*t.tags > t.lines[at]:
		return FormatByName("tag")
	}
	return Formats[at]
}

// separator returns the separator of most lines. If there are several, two characters count
// more than one, and otherwise the first one counts.
func (t *tally) separator() string {
	most := separatorCount{}
	for _, c := range t.separators {
		if c.lines > most.lines || c.lines == most.lines && isDouble(c.separator) {
			most = c
		}
	}
	return most.separator
}

// adopt sets the format and the dialect to those of a tally, and reports whether that
// changed them. Its error says that the content cannot be used at all.
func (m *Manifest) adopt(t *tally) (changed bool, err error) {
	format, dialect := m.given, m.dialect
	if format == nil {
		if format, err = m.formatOf(t); err != nil {
			return false, err
		}
	}
	dialect.separator, dialect.columns, dialect.sum = t.separator(), nil, nil
	if format.Name == "sum" && dialect.algorithm == nil {
		dialect.sum = t.sum()
	}
	dialect.registry = m.registry || format.Name == "pooch"
	if format.Name == "hashdeep" {
		if dialect.columns = t.dialect.columns; dialect.columns == nil {
			return false, cmp.Or(t.columns, errNoColumns)
		}
	}
	changed = m.Format != format || m.dialect.separator != dialect.separator || m.dialect.sum != dialect.sum
	m.Format, m.dialect, m.content.more = format, dialect, format.more
	return changed, nil
}

// formatOf returns the format of most lines. If there is none, it returns the first one, so
// that the bad lines have reasons, or an error if the content is recognized as something else.
func (m *Manifest) formatOf(t *tally) (*Format, error) {
	format, content := t.best(), m.content.bytes[m.content.begin:m.content.end]
	pointer := strings.HasPrefix(content, lfsPointer) && format != nil && format.Name == "pooch" && slices.Max(t.lines) == 1
	if format != nil && !pointer { // a pointer has one line that could be of a pooch registry
		return format, nil
	}
	if t.columns != nil {
		return nil, t.columns
	}
	return Formats[0], refuseForeign(content)
}

const lfsPointer = "version https://git-lfs.github.com/"

// foreign lists how files that are not manifests begin, what they are, and what the user
// can do.
var foreign = []struct{ begin, what, advice string }{
	{"{", "JSON", ""},
	{"[", "JSON", ""},
	{"<", "HTML or XML", ""},
	{"%PDF", "PDF", ""},
	{`"file" "checksum"`, "a table written by R", ""},
	{"Algorithm       Hash ", "a table written by PowerShell's Get-FileHash", ""},
	{pgpSignature, "a detached PGP signature", ""},
	{"-----BEGIN SSH SIGNATURE-----", "an SSH signature", ""},
	{"untrusted comment: ", "a signature of minisign or signify", ""},
	{lfsPointer, "a Git LFS pointer", " (run 'git lfs pull' to download the file)"},
}

// isProgram reports whether content is that of a program, such as one that is called md5sum.
func isProgram(content string) bool {
	for _, begin := range []string{"\x7fELF", "#!/", "MZ\x90\x00", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"} {
		if strings.HasPrefix(content, begin) {
			return true
		}
	}
	return false
}

// refuseForeign returns an error that says what content is, or nil if that is not known.
func refuseForeign(content string) error {
	content = strings.TrimLeft(content, " \t\r\n")
	for _, f := range foreign {
		if strings.HasPrefix(content, f.begin) {
			return &Error{Reason: "looks like " + f.what + ", not a checksum manifest" + f.advice, NoEntry: true}
		}
	}
	return nil
}
