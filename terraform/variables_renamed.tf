# Variables that were renamed in 1.0.0, kept only to raise an error: without them, Terraform would warn, ignore the old value, and use the new
# variable's default.

variable "backend_chunk_size" {
  description = "Renamed to backend_push_size."
  type        = number
  default     = null

  validation {
    condition     = var.backend_chunk_size == null
    error_message = "backend_chunk_size must not be set: it is now backend_push_size."
  }
}

variable "cleanup_max_delete_percent" {
  description = "Renamed to cleanup_deletion_limit_percent."
  type        = number
  default     = null

  validation {
    condition     = var.cleanup_max_delete_percent == null
    error_message = "cleanup_max_delete_percent must not be set: it is now cleanup_deletion_limit_percent."
  }
}
