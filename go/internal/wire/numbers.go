package wire

// The kinds of an [Outcome]: what calls return, and checksig_error.kind.
const (
	OK = iota
	Failed
	Manifest
	NotFound
	OS
	Argument
	Internal
	Cancelled
	More
	NotSigned
)

// The flags of a [Request].
const (
	AllResults = 1 << iota
	IgnoreMissing
	Totals
	ReportExtra
	FailExtra
	ReadEntries
	FindManifests
	FindFiles
	HashFiles
	Content
	Receipts
	CountReceipts
	WriteEntries
	DigestEntries
	PackNames
)

// The kinds of a checksig_record.
const (
	FileRecord = iota
	BadLineRecord
	ManifestRecord
	EntryRecord
	SignatureRecord
	NoteRecord
	LinesRecord
	NamesRecord
)

// Sizes in bytes of the structures of checksig.h, as a 64-bit machine has them.
const (
	RecordSize   = 80 // checksig_record
	ProgressSize = 152
	ErrorSize    = 48

	// MinBuffer is CHECKSIG_BUFFER: every record fits.
	MinBuffer = 135168
)
