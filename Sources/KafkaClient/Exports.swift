// Records, offsets, timestamps and batches are this library's vocabulary: whoever imports it has them.
@_exported public import RecordFormat
