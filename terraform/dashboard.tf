locals {

  # Title, statistic and metrics of each graph; a metric is namespace, name, dimension, dimension value.
  graphs = [
    { title = "Runs", stat = "Sum", metrics = [for name in local.names : ["AWS/Lambda", "Invocations", "FunctionName", name]] },
    { title = "Longest run (ms)", stat = "Maximum", metrics = [for name in local.names : ["AWS/Lambda", "Duration", "FunctionName", name]] },
    {
      title = "Errors, throttled calls, dropped events"
      stat  = "Sum"
      metrics = concat([for metric in ["Errors", "Throttles", "AsyncEventsDropped"] :
        [for name in local.names : ["AWS/Lambda", metric, "FunctionName", name]]
      ]...)
    },
    { title = "Messages in dead-letter queues", stat = "Maximum", metrics = [for queue in aws_sqs_queue.this : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name]] },
    { title = "Records deleted and remaining", stat = "Maximum", metrics = [for metric in ["RecordsDeleted", "RecordsRemaining"] : ["Joytify", metric, "service", local.names.cleanup]] },
    { title = "Storage used (%)", stat = "Maximum", metrics = [["Joytify", "StoragePercent", "service", local.names.cleanup]] },
    { title = "Days since the last success", stat = "Minimum", metrics = [for job in ["stats", "cleanup"] : ["Joytify", "DaysSinceSuccess", "service", local.names[job]]] },
    { title = "Latency of a batch (ms)", stat = "Maximum", metrics = [for metric in ["BatchLatencyP50", "BatchLatencyP99"] : ["Joytify", metric, "service", local.names.cleanup]] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${local.prefix}-pipeline"
  dashboard_body = jsonencode({
    # The jobs run once a week and once a month.
    start = "-P35D"
    widgets = concat(
      [for index, graph in local.graphs : {
        type   = "metric"
        x      = index % 2 * 12
        y      = floor(index / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = graph.title
          stat    = graph.stat
          period  = 3600
          region  = var.region
          metrics = graph.metrics
        }
      }],
      [{
        type   = "log"
        x      = 0
        y      = ceil(length(local.graphs) / 2) * 6
        width  = 24
        height = 8
        properties = {
          title  = "Last runs and errors"
          region = var.region
          view   = "table"
          query = join(" | ", concat(
            [for function in module.function : "SOURCE '${function.log_group}'"],
            ["fields @timestamp, function, level, message, error, outcome.stopReason, outcome.skipped", "filter message in ['run ended', 'run failed', 'posted', 'messages could not be posted']", "sort @timestamp desc", "limit 50"],
          ))
        }
      }],
    )
  })
}
