"""What nets and runs reached: figures of a classification, comparisons, the report."""
