resource "aws_s3_bucket" "archive" {
  # checkov:skip=CKV_AWS_18:CloudTrail records who reads it, if the account logs S3 data events
  # checkov:skip=CKV_AWS_144:a copy in another region is not worth its price here
  # checkov:skip=CKV2_AWS_62:nothing consumes event notifications for its objects
  # checkov:skip=CKV_AWS_21:the operator chooses whether to enable versioning

  count = var.enable_archive ? 1 : 0

  # Bucket names are global, so the name contains the account id.
  bucket = "${local.prefix}-archive-${local.account}"

  # With this dependency, Terraform destroys the key only after the bucket, and Terraform cannot destroy a bucket that contains objects. Without the dependency, a failed destroy could leave objects whose key is scheduled for deletion.
  depends_on = [aws_kms_key.this]
}

resource "aws_s3_bucket_versioning" "archive" {
  count = var.enable_archive && var.archive_versioning ? 1 : 0

  bucket = aws_s3_bucket.archive[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  count = var.enable_archive ? 1 : 0

  bucket = aws_s3_bucket.archive[0].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "archive" {
  count = var.enable_archive ? 1 : 0

  bucket                  = aws_s3_bucket.archive[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  count = var.enable_archive ? 1 : 0

  bucket     = aws_s3_bucket.archive[0].id
  depends_on = [aws_s3_bucket_versioning.archive]

  rule {
    id     = "colder-then-gone"
    status = "Enabled"

    filter {}

    # Objects of this storage class can be read immediately for a restore, and cost a fifth of the standard storage price.
    transition {
      days          = var.archive_cold_after_days
      storage_class = "GLACIER_IR"
    }

    expiration {
      days = var.archive_expire_after_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

data "aws_iam_policy_document" "archive" {
  count = var.enable_archive ? 1 : 0

  statement {
    sid       = "OnlyByTLS"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.archive[0].arn, "${aws_s3_bucket.archive[0].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "archive" {
  count = var.enable_archive ? 1 : 0

  bucket     = aws_s3_bucket.archive[0].id
  policy     = data.aws_iam_policy_document.archive[0].json
  depends_on = [aws_s3_bucket_public_access_block.archive]
}
