// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/bits"
	"os"
)

// This file reads bbolt's pages by itself. bbolt follows the page numbers and
// offsets in a file unchecked, through memory, and a damaged file makes it crash
// the process in a goroutine where nobody can recover. What passes here, it can
// open. The layout is that of bbolt's file format version 2.
const (
	magic   = 0xED0CDAED
	version = 2

	pageHeaderSize   = 16 // id uint64, flags, count uint16, overflow uint32
	elementSize      = 16 // branch: pos, ksize uint32, id uint64; leaf: flags, pos, ksize, vsize uint32
	metaSize         = 64 // behind the page header
	metaChecked      = 56 // what the checksum, the last field, is of
	bucketHeaderSize = 16 // root, sequence uint64

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10

	bucketElement = 0x01

	noFreelist = ^uint64(0)

	minPageSize = 1 << 10
	maxPageSize = 1 << 24
)

var order = binary.NativeEndian // as bbolt

// A meta says where the tree of pages begins. A file has two, in the first two
// pages; the valid one with the higher transaction counts.
type meta struct {
	pageSize             int64
	root, freelist, high uint64 // high: the first page number not in use
	transaction          uint64
}

var (
	errNoMagic = errors.New("it does not begin as a bbolt database does")
	errBadMeta = errors.New("its first pages are damaged")
	errNewest  = errors.New("the page that says what was written last is damaged")
)

// readMeta reads the meta page at an offset.
func readMeta(r io.ReaderAt, offset int64) (m meta, err error) {
	var page [pageHeaderSize + metaSize]byte
	if _, err := r.ReadAt(page[:], offset); err != nil {
		return meta{}, errNoMagic
	}
	b := page[pageHeaderSize:]
	if order.Uint32(b) != magic {
		return meta{}, errNoMagic
	}
	m = meta{
		pageSize:    int64(order.Uint32(b[8:])),
		root:        order.Uint64(b[16:]),
		freelist:    order.Uint64(b[32:]),
		high:        order.Uint64(b[40:]),
		transaction: order.Uint64(b[48:]),
	}
	switch {
	case order.Uint64(b[metaChecked:]) != metaChecksum(b):
		return meta{}, errBadMeta
	case order.Uint32(b[4:]) != version:
		return meta{}, fmt.Errorf("it has bbolt's format version %d", order.Uint32(b[4:]))
	case m.pageSize < minPageSize || m.pageSize > maxPageSize || bits.OnesCount64(uint64(m.pageSize)) != 1:
		return meta{}, errBadMeta
	}
	return m, nil
}

// newestMeta returns the meta that counts. If the first is damaged, the second is
// searched for where it would be with each page size.
func newestMeta(r io.ReaderAt) (meta, error) {
	m, err := readMeta(r, 0)
	if err == nil {
		second, err := readMeta(r, m.pageSize)
		if err != nil {
			return m, checkLost(r, m.pageSize, m)
		}
		if second.transaction > m.transaction {
			m = second
		}
		return m, nil
	}
	for size := int64(minPageSize); size <= maxPageSize; size *= 2 {
		second, secondErr := readMeta(r, size)
		if secondErr == nil && second.pageSize == size {
			return second, checkLost(r, 0, second)
		}
		if errors.Is(err, errNoMagic) && errors.Is(secondErr, errBadMeta) {
			err = errBadMeta
		}
	}
	return meta{}, err
}

// checkLost returns an error if the meta at an offset, which is damaged, is newer than
// the other one. bbolt would go back to that, and to flags as they were, for a power
// failure while a meta is written looks the same. It does not leave a meta that is
// right but for one byte, though, as a disk does on which a bit has turned.
func checkLost(r io.ReaderAt, offset int64, other meta) error {
	var b [metaSize]byte
	if n, _ := r.ReadAt(b[:], offset+pageHeaderSize); n < len(b) {
		return nil // the file ends before it
	}
	newer := func() bool { return order.Uint64(b[48:]) > other.transaction }
	var sum [8]byte
	order.PutUint64(sum[:], metaChecksum(b[:]))
	wrong := 0
	for i := range sum {
		if sum[i] != b[metaChecked+i] {
			wrong++
		}
	}
	if wrong == 1 && newer() {
		return errNewest
	}
	for i := range metaChecked {
		was := b[i]
		for range 255 {
			b[i]++
			if order.Uint64(b[metaChecked:]) == metaChecksum(b[:]) && newer() {
				return errNewest
			}
		}
		b[i] = was
	}
	return nil
}

// metaChecksum returns the checksum that a meta should have.
func metaChecksum(b []byte) uint64 {
	checksum := fnv.New64a()
	_, _ = checksum.Write(b[:metaChecked])
	return checksum.Sum64()
}

// checkFile refuses what bbolt could not read safely.
func checkFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	err = checkPages(f, info.Size())
	switch {
	case errors.Is(err, errNoMagic):
		return foreign(path, err.Error())
	case err != nil:
		return fmt.Errorf("%s: %w: %w; nothing was changed, restore it from a backup", path, ErrCorrupt, err)
	}
	return nil
}

func checkPages(r io.ReaderAt, size int64) error {
	m, err := newestMeta(r)
	if err != nil {
		return err
	}
	if m.high > uint64(size/m.pageSize) {
		return fmt.Errorf("it is cut short: %d bytes for %d pages of %d bytes", size, m.high, m.pageSize)
	}
	c := checker{r: r, meta: m, seen: map[uint64]bool{}}
	if err := c.tree(m.root, nil, nil); err != nil {
		return err
	}
	return c.freelist()
}

// A checker walks all pages that can be reached.
type checker struct {
	r io.ReaderAt
	meta
	seen map[uint64]bool
}

// page reads a page with those that belong to it, and checks what every page has.
func (c *checker) page(id uint64) (page []byte, flags uint16, err error) {
	header := make([]byte, pageHeaderSize)
	if id < 2 || id >= c.high {
		return nil, 0, fmt.Errorf("page %d is beyond the end", id)
	}
	if _, err := c.r.ReadAt(header, int64(id)*c.pageSize); err != nil {
		return nil, 0, fmt.Errorf("page %d: %w", id, err)
	}
	overflow := uint64(order.Uint32(header[12:]))
	if order.Uint64(header) != id || overflow >= c.high-id {
		return nil, 0, fmt.Errorf("page %d has a wrong header", id)
	}
	for i := id; i <= id+overflow; i++ {
		if c.seen[i] {
			return nil, 0, fmt.Errorf("page %d is used twice", i)
		}
		c.seen[i] = true
	}
	page = make([]byte, int64(overflow+1)*c.pageSize)
	if _, err := c.r.ReadAt(page, int64(id)*c.pageSize); err != nil {
		return nil, 0, fmt.Errorf("page %d: %w", id, err)
	}
	return page, order.Uint16(header[8:]), nil
}

// tree checks the tree under a page. Its keys are not less than low, and less
// than high, if that is not nil.
func (c *checker) tree(id uint64, low, high []byte) error {
	page, flags, err := c.page(id)
	if err != nil {
		return err
	}
	switch flags {
	case leafPage:
		err = c.leaf(page, low, high, false)
	case branchPage:
		err = c.branch(page, low, high)
	default:
		err = fmt.Errorf("it is of kind %#x", flags)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// An element is one entry of a page.
type element struct {
	flags      uint32
	key, value []byte
	child      uint64
}

// elements reads the entries of a page, whose keys rise.
func elements(page []byte, isLeaf bool, low, high []byte) ([]element, error) {
	count := int(order.Uint16(page[10:]))
	begin := pageHeaderSize + count*elementSize
	if begin > len(page) {
		return nil, fmt.Errorf("%d entries do not fit", count)
	}
	all := make([]element, count)
	for i := range all {
		at := pageHeaderSize + i*elementSize
		b := page[at:]
		var e element
		var pos, keySize, valueSize uint32
		if isLeaf {
			e.flags, pos, keySize, valueSize = order.Uint32(b), order.Uint32(b[4:]), order.Uint32(b[8:]), order.Uint32(b[12:])
		} else {
			pos, keySize, e.child = order.Uint32(b), order.Uint32(b[4:]), order.Uint64(b[8:])
		}
		from := uint64(at) + uint64(pos)
		to := from + uint64(keySize) + uint64(valueSize)
		if from < uint64(begin) || to > uint64(len(page)) {
			return nil, fmt.Errorf("entry %d is out of bounds", i)
		}
		e.key = page[from : from+uint64(keySize)]
		e.value = page[from+uint64(keySize) : to]
		if i == 0 && bytes.Compare(e.key, low) < 0 ||
			i > 0 && bytes.Compare(e.key, all[i-1].key) <= 0 ||
			high != nil && bytes.Compare(e.key, high) >= 0 {
			return nil, fmt.Errorf("the key of entry %d is not in order", i)
		}
		all[i] = e
	}
	return all, nil
}

func (c *checker) branch(page, low, high []byte) error {
	all, err := elements(page, false, low, high)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("a branch has no entries")
	}
	for i, e := range all {
		next := high
		if i+1 < len(all) {
			next = all[i+1].key
		}
		if err := c.tree(e.child, e.key, next); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks a page of keys and values. A value may be a bucket, with a tree of
// its own, or with its one page inline, which has no buckets in turn.
func (c *checker) leaf(page, low, high []byte, inline bool) error {
	all, err := elements(page, true, low, high)
	if err != nil {
		return err
	}
	for i, e := range all {
		switch {
		case e.flags == 0:
			continue
		case e.flags != bucketElement || inline || len(e.value) < bucketHeaderSize:
			return fmt.Errorf("entry %d is no value and no bucket", i)
		}
		if root := order.Uint64(e.value); root != 0 {
			if err := c.tree(root, nil, nil); err != nil {
				return err
			}
			continue
		}
		inlined := e.value[bucketHeaderSize:]
		if len(inlined) < pageHeaderSize || order.Uint16(inlined[8:]) != leafPage {
			return fmt.Errorf("entry %d is no bucket", i)
		}
		if err := c.leaf(inlined, nil, nil, true); err != nil {
			return fmt.Errorf("the bucket of entry %d: %w", i, err)
		}
	}
	return nil
}

// freelist checks the list of free pages, which files written with other options
// have.
func (c *checker) freelist() error {
	if c.meta.freelist == noFreelist {
		return nil
	}
	page, flags, err := c.page(c.meta.freelist)
	if err != nil {
		return err
	}
	ids := page[pageHeaderSize:]
	count := uint64(order.Uint16(page[10:]))
	if count == 0xFFFF { // more: the number itself is the first entry
		count = order.Uint64(ids)
		ids = ids[8:]
	}
	if flags != freelistPage || count > uint64(len(ids)/8) {
		return errors.New("the list of free pages is damaged")
	}
	for i := range count {
		id := order.Uint64(ids[8*i:])
		if id < 2 || id >= c.high || c.seen[id] {
			return fmt.Errorf("page %d is not free, but is listed so", id)
		}
		c.seen[id] = true
	}
	return nil
}

// neverUsed reports whether a file is what is left when a process is killed, or
// the power fails, while bbolt writes the four pages that a new file has: they
// are cut short or zero, and no transaction was ever committed.
func neverUsed(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, int64(4*os.Getpagesize())+1))
	if err != nil || len(content) > 4*os.Getpagesize() {
		return false
	}
	if len(bytes.Trim(content, "\x00")) == 0 {
		return true
	}
	// The first transaction that commits replaces the first of the two metas.
	m, err := readMeta(bytes.NewReader(content), 0)
	return err == nil && m.transaction == 0
}
